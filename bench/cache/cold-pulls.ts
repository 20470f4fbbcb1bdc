// What a cache costs its upstream and its clients when many of them want an image that it does not have.
import { usageOf } from '../process-usage.ts';
import { readSlowly } from '../slow-readers.ts';
import { type CrowdPull, pullByMany } from './crowd.ts';
import type { CacheServer } from './servers.ts';
import type { UpstreamCounts, UpstreamProcess } from './upstream-process.ts';

export const CLIENTS = 20;
export const LAYER_BYTES = 20_000_000;
/** Of an upstream that is the bottleneck. */
export const LIMITED_BYTES_PER_SECOND = 100_000_000;
const WARM_UP_PULLS = 2;
const PULLS = 4;
/** 80 kB/s. */
const SLOW_READ = { bytes: 16_000, everyMs: 200 };

export interface ColdFigures {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly limitedSeconds: number;
  /** The same while another client, which came first, takes 80 kB/s. */
  readonly besideSlowSeconds: number;
  /** What the upstream sent, in images. */
  readonly imagesSent: number;
  readonly countedPulls: number;
  /** From the upstream's first byte of the layer to the last client's, in the quickest of the pulls. */
  readonly firstByteMs: number;
}

let images = 0;

/** `limitedPulls`: so many with the slow client, and so many without, in turns. */
export async function measureColdPulls(
  server: CacheServer,
  upstream: UpstreamProcess,
  { limitedPulls }: { readonly limitedPulls: number },
): Promise<ColdFigures> {
  for (let nth = 0; nth < WARM_UP_PULLS; nth += 1) await pullCold(server, upstream);
  const fast: ColdPull[] = [];
  for (let nth = 0; nth < PULLS; nth += 1) fast.push(await pullCold(server, upstream));
  const [limited, besideSlow]: [ColdPull[], ColdPull[]] = [[], []];
  for (let nth = 0; nth < limitedPulls; nth += 1) {
    limited.push(await pullCold(server, upstream, LIMITED));
    besideSlow.push(await pullCold(server, upstream, BESIDE_SLOW));
  }
  const all = [...fast, ...limited];
  return {
    seconds: least(fast, ({ pull }) => pull.seconds),
    cpuSeconds: least(fast, ({ cpuSeconds }) => cpuSeconds),
    limitedSeconds: least(limited, ({ pull }) => pull.seconds),
    besideSlowSeconds: least(besideSlow, ({ pull }) => pull.seconds),
    imagesSent: -least(all, ({ counts }) => -counts.blobBytes / LAYER_BYTES),
    countedPulls: -least(all, ({ counts }) => -counts.manifestGets),
    firstByteMs: least(all, firstByteMs),
  };
}

const LIMITED = { bytesPerSecond: LIMITED_BYTES_PER_SECOND };
const BESIDE_SLOW = { ...LIMITED, besideSlow: true };

interface ColdPull {
  readonly pull: CrowdPull;
  readonly counts: UpstreamCounts;
  readonly cpuSeconds: number;
}

interface Circumstances {
  readonly bytesPerSecond?: number;
  readonly besideSlow?: boolean;
}

async function pullCold(
  { host, pid }: CacheServer,
  upstream: UpstreamProcess,
  { bytesPerSecond, besideSlow = false }: Circumstances = {},
): Promise<ColdPull> {
  images += 1;
  const repository = `bench/image-${images}`;
  const { layer } = await upstream.prepare(repository, LAYER_BYTES, bytesPerSecond);
  using slow = new DisposableStack();
  if (besideSlow) {
    const reader = await readSlowly(`http://${host}/v2/${repository}/blobs/${layer}`, SLOW_READ);
    slow.defer(() => reader.destroy());
  }
  const cpuBefore = usageOf(pid).cpuSeconds;
  const pull = await pullByMany(host, repository, CLIENTS);
  const cpuSeconds = usageOf(pid).cpuSeconds - cpuBefore;
  const wrong = pull.layers.find(({ sizeBytes }) => sizeBytes !== LAYER_BYTES);
  if (wrong !== undefined) throw new Error(`a client got ${wrong.sizeBytes} bytes of ${LAYER_BYTES}`);
  return { pull, counts: await upstream.counts(), cpuSeconds };
}

/** Who asks only when the first byte has come waits from then on. */
function firstByteMs({ pull, counts }: ColdPull): number {
  const waits = pull.layers.map(
    ({ askedAtMs, firstByteAtMs }) => firstByteAtMs - Math.max(askedAtMs, counts.firstLayerByteMs),
  );
  return Math.max(...waits);
}

function least(pulls: readonly ColdPull[], of: (pull: ColdPull) => number): number {
  return Math.min(...pulls.map(of));
}
