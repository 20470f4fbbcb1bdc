// What the Worker costs a client that waits: the time to the first byte through it, in the runtime of Cloudflare, beside
// that of a direct request, in turns.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { startWorker } from '../test/support/programs/worker.ts';
import type { Benchmark } from './benchmark.ts';
import { startUpstream } from './cache/upstream-process.ts';
import { formatTable } from './table.ts';

const REPOSITORY = 'library/app';
const LAYER_BYTES = 1024 * 1024;
const SLICE = 100;
const WANTED_MS = 5;

export const workerBenchmark: Benchmark = {
  name: 'worker',
  usage: 'worker [--slices N]',
  question: `How much later than from its upstream does the first byte come through a Worker in workerd?
  --slices N   the best of so many, 10 by default, of ${SLICE} pairs of requests each`,

  async run(args, report) {
    const slices = Number(args[args.indexOf('--slices') + 1] ?? 10) || 10;
    await using upstream = await startUpstream();
    const { layer } = await upstream.prepare(REPOSITORY, LAYER_BYTES);
    const direct = upstream.url;
    await using worker = await startWorker({ UPSTREAMS: { 'docker.io': { url: direct } } });
    await using verifying = await startWorker({ UPSTREAMS: { 'docker.io': { url: direct } }, VERIFY_BLOBS: true });
    const tag = `/v2/${REPOSITORY}/manifests/latest`;
    const blob = `/v2/${REPOSITORY}/blobs/${layer}`;
    const rows: string[][] = [];
    for (const { title, path, host } of [
      { title: 'manifest by tag, warm', path: tag, host: worker.host },
      { title: 'blob', path: blob, host: worker.host },
      { title: 'blob, hashed on its way', path: blob, host: verifying.host },
    ]) {
      report(`measuring: ${title}`);
      rows.push([title, ...(await measure(slices, `${direct}${path}`, `http://${host}${path}`))]);
    }
    const head = ['first byte, ms', 'direct', 'Worker', 'later'];
    return `Medians of ${SLICE} pairs of requests, in turns, over kept connections on loopback; the best of ${slices} slices. A blob has
${LAYER_BYTES / 2 ** 20} MiB. Wanted: less than ${WANTED_MS} ms later.

${formatTable(head, rows)}`;
  },
};

/** Of the slice in which the machine did least else. */
async function measure(slices: number, direct: string, through: string): Promise<string[]> {
  using agent = new KeptConnections();
  await measureSlice(agent, direct, through);
  const measured: Slice[] = [];
  for (let nth = 0; nth < slices; nth += 1) measured.push(await measureSlice(agent, direct, through));
  const [best] = measured.toSorted((one, other) => one.throughMs - other.throughMs);
  if (best === undefined) return [];
  return [best.directMs, best.throughMs, best.throughMs - best.directMs].map((ms) => ms.toFixed(2));
}

interface Slice {
  readonly directMs: number;
  readonly throughMs: number;
}

async function measureSlice(agent: Agent, direct: string, through: string): Promise<Slice> {
  const directMs: number[] = [];
  const throughMs: number[] = [];
  for (let round = 0; round < SLICE; round += 1) {
    directMs.push(await firstByteMs(direct, agent));
    throughMs.push(await firstByteMs(through, agent));
  }
  return { directMs: median(directMs), throughMs: median(throughMs) };
}

class KeptConnections extends Agent implements Disposable {
  constructor() {
    super({ keepAlive: true, maxSockets: 1 });
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** The rest of the answer is read, too, before the next request. */
async function firstByteMs(url: string, agent: Agent): Promise<number> {
  const startMs = performance.now();
  const sent = request(url, { agent }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let firstMs: number | undefined;
  for await (const chunk of answer) if (chunk !== undefined) firstMs ??= performance.now();
  if (answer.statusCode !== 200 || firstMs === undefined) throw new Error(`${url} answered ${answer.statusCode}`);
  return firstMs - startMs;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
