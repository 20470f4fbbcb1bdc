// The cache, shown to whoever watches the demo: ten machines pull the same image at once, and then with Docker Hub down.
import path from 'node:path';
import { describeAddress } from '../app/open-server.ts';
import { RegistryServer } from '../app/registry-server.ts';
import { Session } from '../app/session.ts';
import { readManifest } from '../oci/manifest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import type { Log } from '../observe/log.ts';
import { loadConfig, openSessionOf } from './open-session.ts';
import { formatBytes } from './output/format.ts';
import type { Terminal } from './terminal.ts';

export interface DemoUpstream {
  readonly counters: { readonly manifestGets: number; readonly blobGets: number };
  /** From now on it answers nothing that is of use. */
  breakDown(): void;
}

const MACHINES = 10;
const REPOSITORY = parseRepositoryName('library/redis');
const TAG = parseTag('8.2');
const nothing = () => undefined;
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Prints two lines: what ten machines cost, and that they can go on without the upstream. */
export async function demonstrateCache(terminal: Terminal, hub: DemoUpstream): Promise<void> {
  const listen = [{ kind: 'tcp', host: '127.0.0.1', port: 0 }] as const;
  const found = loadConfig({}, terminal);
  // A folder of its own: the manifests that the sync paid for would cost nothing here.
  const config = { ...found, dataFolder: path.join(found.dataFolder, 'cache'), listen, admin: undefined };
  const session = openSessionOf(config, terminal, { isServing: true });
  await using server = await RegistryServer.open({ session, log: SILENT, onRequest: nothing });
  const url = describeAddress(server.addresses[0] ?? listen[0]);
  const before = { ...hub.counters };
  const sizes = await pullOnEachMachine(url, terminal);
  const manifests = hub.counters.manifestGets - before.manifestGets;
  const blobs = hub.counters.blobGets - before.blobGets;
  const size = formatBytes(sizes[0] ?? 0);
  terminal.out(`${MACHINES} machines pulled ${REPOSITORY}:${TAG}, ${size} each, at once;\n`);
  terminal.out(`docker.io was asked for ${manifests} manifests and ${blobs} blobs, as for one of them\n`);
  hub.breakDown();
  await pullOnEachMachine(url, terminal);
  terminal.out(`then docker.io went down, and all ${MACHINES} pulled it again from here\n`);
}

/** Gives how many bytes each of them got. */
async function pullOnEachMachine(url: string, terminal: Terminal): Promise<readonly number[]> {
  return await Promise.all(Array.from({ length: MACHINES }, () => pull(url, terminal)));
}

/** As docker does: the tag, its first platform, the layers. Every byte is hashed. */
async function pull(url: string, terminal: Terminal): Promise<number> {
  await using session = new Session({ config: loadConfig({}, terminal), credentials: { find: async () => undefined } });
  const repository = session.registry({ url, realms: [], insecure: false }).repository(REPOSITORY);
  const { descriptor } = await repository.resolve(TAG);
  const index = readManifest((await repository.manifest(descriptor.digest)).bytes).content;
  const [platform] = index.kind === 'index' ? index.manifests : [descriptor];
  const { content } = readManifest((await repository.manifest((platform ?? descriptor).digest)).bytes);
  let sizeBytes = 0;
  for (const { digest } of content.kind === 'image' ? [content.config, ...content.layers] : []) {
    for await (const bytes of (await repository.blob(digest)).body) sizeBytes += bytes.byteLength;
  }
  return sizeBytes;
}
