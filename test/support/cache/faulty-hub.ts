// A hub with one image, and the ways in which its answers can go wrong.
import type { CatalogImage } from '../../../src/catalog/catalog.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { catalogImage } from '../hub/catalog-image.ts';
import { type Hub, startHub } from '../hub/hub.ts';
import type { HubOptions } from '../hub/hub-options.ts';
import {
  corruptAt,
  delay,
  hang,
  html,
  redirectTo,
  refuse,
  replaceBody,
  resetAt,
  respond,
  setHeader,
  stripHeader,
  truncateAt,
} from '../origin/fault-actions.ts';
import type { FaultAction, FaultCondition } from '../origin/faults.ts';

export const NGINX = 'library/nginx';
export const NGINX_IMAGE = catalogImage('nginx', ['1.27', 'latest'], ['linux/amd64', 'linux/arm64']);
const NOBODY = 'http://127.0.0.1:1';

/** By name; none needs to know what it is done to. */
export const FAULTS = {
  'breaks the connection': resetAt(0),
  hangs: hang(),
  'is slow': delay(20),
  'is cut off': truncateAt(20),
  'is broken off': resetAt(20),
  'has a wrong byte': corruptAt(5),
  'says that it is longer': setHeader('content-length', '1000000'),
  'says that it is shorter': setHeader('content-length', '5'),
  'does not say how long it is': stripHeader('content-length'),
  'is a web page': html(),
  'is nonsense': replaceBody('not what you think'),
  'has no end': replaceBody(' '.repeat(5 * 1024 * 1024)),
  'is 401': refuse('UNAUTHORIZED'),
  'wants a token from where nobody is': respond({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="${NOBODY}/token",service="x"` },
  }),
  'is 403': refuse('DENIED'),
  'is 404': respond({ status: 404 }),
  'is 429 for a minute': respond({ status: 429, headers: { 'retry-after': '60' } }),
  'is 429 without a word': respond({ status: 429 }),
  'is 429 in plain text': respond({ status: 429, body: 'Too Many Requests (HAP429)' }),
  'is 500': respond({ status: 500 }),
  'is 503 for half a minute': respond({ status: 503, headers: { 'retry-after': '30' } }),
  'redirects for ever': (request, next) => redirectTo(request.target)(request, next),
  'redirects to where nobody is': redirectTo(`${NOBODY}/x`),
  'redirects to the metadata of the cloud': redirectTo('http://169.254.169.254/latest/meta-data/'),
} as const satisfies Record<string, FaultAction>;
export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

interface Parts {
  readonly manifests?: readonly { readonly digest: Digest }[];
  readonly layers?: readonly { readonly digest: Digest; readonly size: number }[];
}

export interface FaultyHub extends Hub {
  /** How many requests hang by now. */
  readonly hanging: () => number;
  misbehave(when: FaultCondition, action: FaultAction): void;
  /** The bytes of a tag's manifest, and what is in them. */
  index(tag?: string): { readonly digest: Digest; readonly bytes: Uint8Array; readonly children: readonly Digest[] };
  /** The largest blob of the first platform. */
  layer(tag?: string): { readonly digest: Digest; readonly bytes: Uint8Array };
}

export async function startFaultyHub(
  options: Partial<HubOptions> & { readonly images?: readonly CatalogImage[] } = {},
): Promise<FaultyHub> {
  const hub = await startHub({ images: [NGINX_IMAGE], layerBytes: 40_000, oldTagsPerRepository: 0, ...options });
  let hanging = 0;
  const manifest = (reference: string) => {
    const found = hub.content.manifest(NGINX, reference);
    if (found === undefined) throw new Error(`the hub has no ${NGINX}:${reference}`);
    return found;
  };
  const index = (tag = '1.27') => {
    const { digest, bytes } = manifest(tag);
    return { digest, bytes, children: readJson(bytes).manifests?.map((child) => child.digest) ?? [] };
  };
  return {
    ...hub,
    hanging: () => hanging,
    misbehave(when, action) {
      const counted: FaultAction = (request, next) => {
        hanging += 1;
        return action(request, next);
      };
      hub.faults.add({ when, action: action === FAULTS.hangs ? counted : action });
    },
    index,
    layer(tag) {
      const { layers = [] } = readJson(manifest(index(tag).children[0] ?? '').bytes);
      const [largest] = layers.toSorted((one, other) => other.size - one.size);
      const blob = hub.content.blob(NGINX, largest?.digest ?? '');
      if (blob === undefined) throw new Error('the hub has no such layer');
      return { digest: blob.digest, bytes: Buffer.concat(blob.parts) };
    },
  };
}

function readJson(bytes: Uint8Array): Parts {
  return JSON.parse(new TextDecoder().decode(bytes)) as Parts;
}
