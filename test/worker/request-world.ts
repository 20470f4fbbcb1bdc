// An edition with all that it stands in front of: a Docker Hub of ours, somebody who has the same content, a second registry
// with a login, and one that never gets to the end of a blob. Each test has an image of its own, as an edition may keep what
// it has seen.
import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { readManifest } from '../../src/oci/manifest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { catalogImage } from '../support/hub/catalog-image.ts';
import { type Hub, startHub } from '../support/hub/hub.ts';
import { recordRequests } from '../support/origin/record-requests.ts';
import type { Request } from '../support/origin/request.ts';
import type { MemoryContent } from '../support/registry/memory-content.ts';
import { type Registry, startRegistry } from '../support/registry/registry.ts';
import { type Graph, image, store } from '../support/image-graph.ts';
import { type Asked, type Got, ask } from './ask.ts';

/** What only its own upstream may ever see. */
export const CANARIES = { hub: 'canary-of-the-hub', second: 'canary-of-the-second' } as const;

export const SERVER_NAME = '127.0.0.1';
const LAYER_BYTES = 60_000;
const NAMES = [
  'pull',
  'head',
  'digest',
  'blob',
  'range',
  'known',
  'stale',
  'limited',
  'gone',
  'lie',
  'blob-lie',
  'away',
];

export type EditionName = 'node' | 'worker';

interface RunningEdition extends AsyncDisposable {
  /** `127.0.0.1:5123` */
  readonly host: string;
}

/** Starts with these upstreams, as both wharf.yaml and UPSTREAMS have them. */
export type StartEdition = (upstreams: object) => Promise<RunningEdition>;

interface HubImage {
  readonly index: { readonly digest: Digest; readonly bytes: Uint8Array };
  /** Of its first platform. */
  readonly manifest: { readonly digest: Digest; readonly bytes: Uint8Array };
  /** The largest of them. */
  readonly layer: { readonly digest: Digest; readonly bytes: Buffer };
}

export interface RequestWorld extends AsyncDisposable {
  readonly host: string;
  readonly hub: Hub;
  readonly mirror: Hub;
  readonly second: Registry;
  /** `ghcr.io/team/app`, with three tags and a signature. */
  readonly app: Graph;
  readonly signature: Digest;
  /** All that anybody was asked for since the last `reset`. */
  readonly requests: () => readonly Request[];
  /** Resolves when whoever read the endless blob has left. */
  readonly readerLeft: Promise<unknown>;
  readonly image: (name: string) => HubImage;
  readonly ask: (path: string, asked?: Asked) => Promise<Got>;
  /** Nobody misbehaves any more, and nothing was asked yet. */
  reset(): void;
}

export async function openRequestWorld(start: StartEdition): Promise<RequestWorld> {
  await using opened = new AsyncDisposableStack();
  const images = NAMES.map((name) => catalogImage(name, ['1'], ['linux/amd64', 'linux/arm64']));
  const account = { username: 'wharf', password: CANARIES.hub };
  const options = { images, layerBytes: LAYER_BYTES, oldTagsPerRepository: 0 };
  const hub = opened.use(await startHub({ ...options, accounts: [account] }));
  const mirror = opened.use(await startHub(options));
  const login = { username: 'wharf', password: CANARIES.second, scheme: 'bearer' } as const;
  const second = opened.use(await startRegistry({ login, referrers: true }));
  const app = image('app');
  store(second, 'team/app', app, '1', '2', '3');
  const signature = sign(second, app);
  const endless = opened.use(await startEndlessUpstream());
  const edition = opened.use(
    await start({
      'docker.io': {
        url: hub.registryUrl,
        hubApi: 'off',
        realms: [hub.tokenUrl],
        credentials: account,
        freshFor: '0s',
        mirrors: [{ url: mirror.registryUrl }],
      },
      'ghcr.io': {
        url: second.url,
        credentials: { username: login.username, password: login.password },
        public: true,
        freshFor: '0s',
        path: 'second',
        hosts: ['second.test'],
      },
      'endless.test': { url: endless.url },
    }),
  );
  let requests = recordRequests(hub, mirror, second);
  const running = opened.move();
  return {
    host: edition.host,
    hub,
    mirror,
    second,
    app,
    signature,
    requests: () => requests,
    readerLeft: endless.readerLeft,
    image: (name) => imageOf(hub, `library/${name}`),
    ask: (path, asked) => ask(edition.host, path, asked),
    reset() {
      for (const { faults } of [hub, mirror, second]) faults.clear();
      for (const double of [hub, mirror, second]) double.resetCounters();
      requests = recordRequests(hub, mirror, second);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function imageOf({ content }: Hub, repository: string): HubImage {
  const manifest = (reference: string) => {
    const found = content.manifest(repository, reference);
    if (found === undefined) throw new Error(`the hub has no ${repository}:${reference}`);
    return found;
  };
  const index = manifest('1');
  const children = readManifest(index.bytes).content;
  const child = manifest(children.kind === 'index' ? (children.manifests[0]?.digest ?? '') : '');
  const read = readManifest(child.bytes).content;
  const layers = read.kind === 'image' ? read.layers : [];
  const largest = layers.toSorted((one, other) => other.size - one.size)[0]?.digest ?? index.digest;
  const parts = content.blob(repository, largest)?.parts ?? [];
  return { index, manifest: child, layer: { digest: largest, bytes: Buffer.concat(parts) } };
}

function sign({ content }: Registry, { descriptor: subject }: Graph): Digest {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 };
  const artifactType = 'application/vnd.test.signature';
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociImage, artifactType, config, layers: [], subject };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(bytes);
  (content as MemoryContent).addManifest('team/app', { digest, mediaType: MEDIA_TYPES.ociImage, bytes }, undefined);
  return digest;
}

interface EndlessUpstream extends AsyncDisposable {
  readonly url: string;
  readonly readerLeft: Promise<unknown>;
}

/** Its blobs are long; a part of each is sent. */
async function startEndlessUpstream(): Promise<EndlessUpstream> {
  const left = Promise.withResolvers<void>();
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const isBlob = request.url?.includes('/blobs/') === true;
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': isBlob ? 10_000_000 : 2 });
    if (!isBlob || request.method === 'HEAD') return void response.end(isBlob ? '' : '{}');
    open.add(response);
    response.on('close', () => left.resolve());
    response.write(Buffer.alloc(300_000));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    readerLeft: left.promise,
    async [Symbol.asyncDispose]() {
      for (const response of open) response.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
