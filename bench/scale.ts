// A large store: how soon it serves, how long a collection takes, and what clients notice of one.
import { parseArgs } from 'node:util';
import { bulkStorage, scratchFolder } from '../test/support/programs/scratch-folder.ts';
import { type Wharf, openWharf } from '../test/support/programs/wharf.ts';
import type { CollectedGarbage } from '../src/store/collection.ts';
import type { Benchmark } from './benchmark.ts';
import { type LargeStore, fillLargeStore } from './large-store.ts';
import { watchUsage } from './process-usage.ts';
import { type Latencies, SteadyLoad } from './steady-load.ts';
import { formatTable } from './table.ts';

const REQUESTS_PER_SECOND = 200;
const BASELINE_SECONDS = 15;

export const scaleBenchmark: Benchmark = {
  name: 'scale',
  usage: 'scale [--blobs N] [--tags N] [--folder DIR]',
  question: `How soon is a large store served, how long does wharf gc take, and what do clients notice of it?
  --blobs N      so many blobs, 1000000 by default
  --tags N       so many tags, 100000 by default
  --folder DIR   where the data folder lies, ${bulkStorage} by default`,

  async run(args, report) {
    const text = (value: string) => ({ type: 'string', default: value }) as const;
    const options = { blobs: text('1000000'), tags: text('100000'), folder: text(bulkStorage) };
    const { values } = parseArgs({ args: [...args], options });
    const size = { blobs: Number(values.blobs), tags: Number(values.tags) };
    await using data = await scratchFolder('scale', values.folder);
    report(`writing ${size.blobs} blobs and ${size.tags} tags below ${values.folder}`);
    const store = await fillLargeStore(data.path, size);
    await using wharf = await openWharf({
      registryUrl: 'http://127.0.0.1:1',
      apiUrl: 'http://127.0.0.1:1',
      data: data.path,
    });
    return `${introduction(store, values.folder)}\n\n${await measure(wharf, store, report)}`;
  },
};

async function measure(wharf: Wharf, store: LargeStore, report: (text: string) => void): Promise<string> {
  // So that the program has been compiled before.
  await wharf.run(['--version']);
  report('measuring: the start of wharf serve');
  const startedMs = performance.now();
  await using server = await wharf.start(['serve', '--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off']);
  const url = (await server.firstLine).replace('listening on ', '');
  const readyMs = performance.now() - startedMs;
  await using load = new SteadyLoad(url, store, REQUESTS_PER_SECOND);
  await load.requestOnce();
  const answeredMs = performance.now() - startedMs;
  report('measuring: serving without wharf gc');
  const alone = await load.during(new Promise((resolve) => setTimeout(resolve, BASELINE_SECONDS * 1000)));
  report('measuring: serving beside wharf gc --dry-run');
  const dry = await collect(wharf, ['--dry-run'], (done) => load.during(done));
  report('measuring: serving beside wharf gc');
  const gc = await collect(wharf, [], (done) => load.during(done));
  return `${formatTable(
    ['', 'p50 ms', 'p99 ms', 'max ms', 'requests'],
    [...rowsOf('alone', alone), ...rowsOf('beside gc --dry-run', dry.latencies), ...rowsOf('beside gc', gc.latencies)],
  )}

- wharf serve: its first line after ${seconds(readyMs)} s, the first answer after ${seconds(answeredMs)} s
- wharf gc --dry-run: ${describe(dry)}
- wharf gc: ${describe(gc)}`;
}

async function collect<T>(wharf: Wharf, flags: readonly string[], beside: (done: Promise<unknown>) => Promise<T>) {
  const startedMs = performance.now();
  const program = await wharf.start(['gc', '--json', ...flags]);
  const watching = watchUsage(program);
  const [latencies, usage] = await Promise.all([beside(program.exited), watching]);
  const { code, stdout, stderr } = await program.exited;
  if (code !== 0) throw new Error(`wharf gc ended with ${code}: ${stderr}`);
  return { latencies, ...usage, ms: performance.now() - startedMs, collected: JSON.parse(stdout) as CollectedGarbage };
}

function describe({ ms, cpuSeconds, peakBytes, collected }: Omit<Awaited<ReturnType<typeof collect>>, 'latencies'>) {
  const used = `${seconds(ms)} s, ${cpuSeconds.toFixed(1)} CPU seconds, ${Math.round(peakBytes / 1e6)} MB at its peak`;
  return `${used}, for ${collected.blobs} blobs`;
}

function rowsOf(when: string, latencies: Latencies): string[][] {
  return [...latencies].map(([what, msEach]) => {
    const sorted = msEach.toSorted((one, other) => one - other);
    const at = (share: number) => (sorted[Math.ceil(sorted.length * share) - 1] ?? 0).toFixed(1);
    return [`${what}, ${when}`, at(0.5), at(0.99), at(1), String(sorted.length)];
  });
}

const seconds = (ms: number) => (ms / 1000).toFixed(2);

function introduction({ blobs, tags, unnamed, unknown }: LargeStore, folder: string): string {
  return `${blobs} blobs and ${tags} tags below ${folder}; ${unnamed} of the blobs are named by no manifest, and of ${unknown} more
there are only the bytes. Their files are empty. ${REQUESTS_PER_SECOND} requests/s come at fixed times, for random tags and blobs:
a HEAD of a blob writes a lease, unless it was asked for a moment ago.`;
}
