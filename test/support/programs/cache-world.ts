// A pull-through cache with all that it stands in front of, each a real process: a Docker Hub of ours for docker.io, and
// a second registry for ghcr.io and quay.io.
import { type Digest, digestOf } from '../../../src/oci/digest.ts';
import { type ManifestContent, readManifest } from '../../../src/oci/manifest.ts';
import type { ScriptedFault } from '../origin/fault-script.ts';
import { freePort } from './free-port.ts';
import { type HubProcess, type HubProcessOptions, startHubProcess } from './hub-process.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import type { RunningProgram } from './program.ts';
import { type RegistryProcess, startRegistryProcess } from './registry-process.ts';
import { copyBySkopeo, rawBySkopeo } from './skopeo.ts';
import { type Wharf, openWharf } from './wharf.ts';

/** An index of its owner. */
export interface CachedImage {
  /** `docker.io/library/nginx:1.29` */
  readonly name: string;
  /** What its owner says that its tag means. */
  readonly digest: Digest;
  readonly manifests: readonly CachedManifest[];
}

interface CachedManifest {
  readonly digest: Digest;
  /** Whether clients on this machine choose it. */
  readonly isOfThisMachine: boolean;
  readonly blobs: readonly Digest[];
}

export interface CacheWorld extends AsyncDisposable {
  readonly hub: HubProcess;
  /** Behind ghcr.io and quay.io. */
  readonly second: RegistryProcess;
  readonly wharf: Wharf;
  /** The cache's; it stays the same when the cache starts again. */
  readonly host: string;
  readonly url: string;
  readonly images: readonly CachedImage[];
  /** Ends the cache that runs, and starts it with the same store. */
  restart(settings: CacheSettings): Promise<void>;
  resetCounters(): Promise<void>;
  /** The same for both upstreams. */
  setFaults(...faults: readonly ScriptedFault[]): Promise<void>;
  /** They are gone: nobody listens there. */
  stopUpstreams(): Promise<void>;
}

interface CacheSettings {
  /** As wharf.yaml has it, for every upstream. */
  readonly freshFor: string;
}

// Two families of media types, platforms of more than one system, and two tags that mean the same.
const HUB_IMAGES = [
  'library/nginx:1.29',
  'library/alpine:3.22',
  'library/redis:8.2',
  'library/redis:8',
  'library/python:3.14',
];
/** Where the images of the second registry come from. */
const SECOND_IMAGES = [
  { name: 'ghcr.io/owner/app:1', from: 'library/nginx:1.29-alpine' },
  { name: 'quay.io/team/tool:2', from: 'library/hello-world:linux' },
];
const THIS_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

/** The upstreams, their images, and a cache that has none of them yet. */
export async function openCacheWorld(hubOptions: Partial<HubProcessOptions> = {}): Promise<CacheWorld> {
  await using opened = new AsyncDisposableStack();
  const hub = opened.use(await startHubProcess({ library: SMALL_LIBRARY, ...hubOptions }));
  const second = opened.use(await startRegistryProcess());
  const images = [...(await hubImages(hub)), ...(await fillSecond(hub, second))];
  await Promise.all([hub.resetCounters(), second.resetCounters()]);
  const wharf = opened.use(await openWharf());
  const host = `127.0.0.1:${await freePort()}`;
  const running: { server?: RunningProgram } = {};
  opened.defer(() => running.server?.[Symbol.asyncDispose]());
  const restart: CacheWorld['restart'] = async ({ freshFor }) => {
    await running.server?.[Symbol.asyncDispose]();
    await wharf.configure(yamlOf(hub, second, freshFor));
    running.server = await wharf.start(['serve', '--listen', host, '--admin', 'off']);
    await running.server.firstLine;
  };
  await restart({ freshFor: '10m' });
  const world = opened.move();
  return {
    hub,
    second,
    wharf,
    host,
    url: `http://${host}`,
    images,
    restart,
    resetCounters: async () => void (await Promise.all([hub.resetCounters(), second.resetCounters()])),
    setFaults: async (...faults) => void (await Promise.all([hub.setFaults(...faults), second.setFaults(...faults)])),
    stopUpstreams: async () => void (await Promise.all([hub, second].map((one) => one[Symbol.asyncDispose]()))),
    [Symbol.asyncDispose]: () => world.disposeAsync(),
  };
}

async function hubImages({ registryUrl }: HubProcess): Promise<CachedImage[]> {
  const images = HUB_IMAGES.map((name) => readImage(`docker.io/${name}`, `${new URL(registryUrl).host}/${name}`));
  return await Promise.all(images);
}

async function fillSecond(hub: HubProcess, { host }: RegistryProcess): Promise<CachedImage[]> {
  const images = SECOND_IMAGES.map(async ({ name, from }) => {
    const place = `${host}/${name.slice(name.indexOf('/') + 1)}`;
    await copyBySkopeo(`${new URL(hub.registryUrl).host}/${from}`, place);
    return await readImage(name, place);
  });
  return await Promise.all(images);
}

/** `place` is where its owner has it. */
async function readImage(name: string, place: string): Promise<CachedImage> {
  const bytes = await rawBySkopeo(place);
  const repository = place.slice(0, place.lastIndexOf(':'));
  const { content } = readManifest(bytes);
  if (content.kind !== 'index') throw new Error(`${name} is no index`);
  const manifests = content.manifests.map(async ({ digest, platform }) => ({
    digest,
    isOfThisMachine: platform?.os === 'linux' && platform.architecture === THIS_ARCHITECTURE,
    blobs: blobsOf(readManifest(await rawBySkopeo(`${repository}@${digest}`)).content),
  }));
  return { name, digest: digestOf(bytes), manifests: await Promise.all(manifests) };
}

function blobsOf(content: ManifestContent): Digest[] {
  return content.kind === 'index' ? [] : [content.config, ...content.layers].map(({ digest }) => digest);
}

// YAML takes JSON as it is.
function yamlOf({ registryUrl }: HubProcess, { url }: RegistryProcess, freshFor: string): string {
  return JSON.stringify({
    upstreams: {
      'docker.io': { url: registryUrl, hubApi: 'off', freshFor },
      'ghcr.io': { url, freshFor },
      'quay.io': { url, freshFor },
    },
  });
}
