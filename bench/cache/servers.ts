// The two caches, each fresh, in front of the same upstream, and storing in the same place.
import path from 'node:path';
import { startDockerRegistry } from '../../test/support/programs/docker-registry.ts';
import { bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { openWharf } from '../../test/support/programs/wharf.ts';

export interface CacheServer extends AsyncDisposable {
  /** `127.0.0.1:5123`. */
  readonly host: string;
  readonly pid: number;
}

export async function startDockerRegistryCache(upstreamUrl: string): Promise<CacheServer> {
  return await startDockerRegistry({ cacheOf: upstreamUrl });
}

/** What is below `hosted/` can be pushed to it, and compared with what it has from upstream. */
export async function startWharfCache(upstreamUrl: string): Promise<CacheServer> {
  await using opened = new AsyncDisposableStack();
  const data = opened.use(await scratchFolder('bench', bulkStorage));
  const wharf = opened.use(await openWharf());
  // YAML takes JSON as it is.
  const upstreams = { 'docker.io': { url: upstreamUrl, hubApi: 'off', freshFor: '1h' } };
  await wharf.configure(JSON.stringify({ upstreams, hosted: ['hosted/**'], data: data.path }));
  const program = opened.use(
    // Its log is written, and nobody spends the machine's time on reading it; docker-registry's is off.
    await wharf.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off'], {}, path.join(data.path, 'serve.log')),
  );
  const { host } = new URL((await program.firstLine).replace('listening on ', ''));
  const running = opened.move();
  return { host, pid: program.pid, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
