// Many clients that want one image at once, each as a container runtime pulls it: the tag, what it names, config, layer.
import { BodyReader, type Received } from './body-reader.ts';

export interface CrowdPull {
  /** Until the last one has all of it. */
  readonly seconds: number;
  /** Of each client. */
  readonly layers: readonly Received[];
}

interface ManifestNames {
  readonly manifests: readonly { readonly digest: string }[];
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

export async function pullByMany(host: string, repository: string, clients: number): Promise<CrowdPull> {
  const startedMs = performance.now();
  const layers = await Promise.all(Array.from({ length: clients }, () => pull(host, repository)));
  return { seconds: (performance.now() - startedMs) / 1000, layers };
}

async function pull(host: string, repository: string): Promise<Received> {
  using reader = await BodyReader.open(host);
  const read = async (path: string) => await reader.get(`/v2/${repository}/${path}`);
  const namesOf = async (path: string) => JSON.parse((await read(path)).beginning.toString()) as ManifestNames;
  const [child] = (await namesOf('manifests/latest')).manifests;
  const { config, layers } = await namesOf(`manifests/${child?.digest}`);
  await read(`blobs/${config.digest}`);
  return await read(`blobs/${layers[0]?.digest}`);
}
