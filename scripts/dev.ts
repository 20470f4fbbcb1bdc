// A place to try things in: a Docker Hub of our own and an empty registry, with a configuration that knows the first.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startHub } from '../test/support/hub/hub.ts';
import { libraryImages } from '../test/support/hub/library-images.ts';
import { startRegistry } from '../test/support/registry/registry.ts';

const { values } = parseArgs({ options: { library: { type: 'string' }, limit: { type: 'string', default: '100' } } });
const library = values.library ?? path.join(import.meta.dirname, '../test/support/library');
const folder = await mkdtemp(path.join(tmpdir(), 'wharf-dev-'));
await using hub = await startHub({ images: await libraryImages(library), limit: Number(values.limit) });
await using target = await startRegistry();

const config = path.join(folder, 'wharf.yaml');
await writeFile(
  config,
  `upstreams: { docker.io: { url: "${hub.registryUrl}", hubApi: "${hub.apiUrl}" } }\ndata: ${path.join(folder, 'data')}\n`,
);
console.log(`A Docker Hub of ${values.limit} pulls a window at ${hub.registryUrl}, and an empty registry at ${target.url}.
Ctrl-C ends both. In another terminal:

  export WHARF_CONFIG=${config}
  bin/wharf plan --catalog official-images:${library} --to ${target.url}
  bin/wharf sync --catalog official-images:${library} --to ${target.url}
  bin/wharf limits
`);
await new Promise<void>((resolve) => {
  process.once('SIGINT', () => resolve());
  process.once('SIGTERM', () => resolve());
});
await rm(folder, { recursive: true, force: true });
