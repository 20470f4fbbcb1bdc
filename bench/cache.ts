// A pull-through cache beside docker-registry as one: the same upstream, the same clients, in turns.
import { bulkStorage } from '../test/support/programs/scratch-folder.ts';
import type { Benchmark } from './benchmark.ts';
import {
  CLIENTS,
  type ColdFigures,
  LAYER_BYTES,
  LIMITED_BYTES_PER_SECOND,
  measureColdPulls,
} from './cache/cold-pulls.ts';
import { LARGE_CLIENTS, type LargePull, pullLargeBlob } from './cache/large-blob.ts';
import { startDockerRegistryCache, startWharfCache } from './cache/servers.ts';
import { type UpstreamProcess, startUpstream } from './cache/upstream-process.ts';
import {
  WARM_BLOB_BYTES,
  WARM_SECONDS,
  WARM_SLICES,
  type WarmRates,
  measureCached,
  measureCachedAndHosted,
} from './cache/warm-rates.ts';
import { formatTable } from './table.ts';

interface Figures {
  readonly cold: readonly ColdFigures[];
  readonly warm: readonly WarmRates[];
}

interface AllFigures {
  readonly ours: Figures;
  readonly theirs: Figures;
  /** What was pushed to ours. */
  readonly hosted: readonly WarmRates[];
  readonly large: LargePull;
}

export const cacheBenchmark: Benchmark = {
  name: 'cache',
  usage: 'cache [--runs N]',
  question: `How fast, and how kind to its upstream, is our cache beside docker-registry as one: cold, warm, large? Needs wrk.
  --runs N   the best of so many rounds, 2 by default`,

  async run(args, report) {
    const rounds = Number(args[args.indexOf('--runs') + 1] ?? 2) || 2;
    await using upstream = await startUpstream();
    const ours = { cold: [] as ColdFigures[], warm: [] as WarmRates[] };
    const theirs = { cold: [] as ColdFigures[], warm: [] as WarmRates[] };
    const hosted: WarmRates[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      report(`measuring: docker-registry, round ${round}`);
      await measureTheirs(upstream, theirs);
      report(`measuring: wharf serve, round ${round}`);
      await measureOurs(upstream, ours, hosted);
    }
    report(`measuring: wharf serve, ${LARGE_CLIENTS} clients and 1 GiB`);
    await using server = await startWharfCache(upstream.url);
    const large = await pullLargeBlob(server, upstream);
    return describe(rounds, { ours, theirs, hosted, large });
  },
};

interface GrowingFigures {
  readonly cold: ColdFigures[];
  readonly warm: WarmRates[];
}

async function measureTheirs(upstream: UpstreamProcess, { cold, warm }: GrowingFigures): Promise<void> {
  await using server = await startDockerRegistryCache(upstream.url);
  cold.push(await measureColdPulls(server, upstream, { limitedPulls: 1 }));
  warm.push(await measureCached(server, upstream));
}

async function measureOurs(
  upstream: UpstreamProcess,
  { cold, warm }: GrowingFigures,
  hosted: WarmRates[],
): Promise<void> {
  await using server = await startWharfCache(upstream.url);
  cold.push(await measureColdPulls(server, upstream, { limitedPulls: 5 }));
  const rates = await measureCachedAndHosted(server, upstream);
  warm.push(rates.cached);
  hosted.push(rates.hosted);
}

function describe(rounds: number, { ours, theirs, hosted, large }: AllFigures): string {
  const rows = ROWS.map(({ title, of, digits }) => {
    const [our, their] = [of(ours), of(theirs)];
    return [title, our.toFixed(digits), their.toFixed(digits), (our / their).toFixed(2)];
  });
  const toHosted = (of: (rates: WarmRates) => number) => (most(ours.warm, of) / most(hosted, of)).toFixed(2);
  const slow = least(ours.cold, (f) => f.besideSlowSeconds) / least(ours.cold, (f) => f.limitedSeconds);
  return `Both store in ${bulkStorage}; the best of ${rounds} rounds each, in turns. ${CLIENTS} clients pull an image of ${LAYER_BYTES / 1e6} MB that the cache
does not have: tag, manifest, config, layer. The upstream sends as fast as it can, or ${LIMITED_BYTES_PER_SECOND / 1e6} MB/s to all together.
Warm, manifests of 2 KiB over 16 connections and a blob of ${WARM_BLOB_BYTES / 2 ** 20} MiB over 4 are asked for by wrk, the best of
${WARM_SLICES} times ${WARM_SECONDS} s a round.

${formatTable(['', 'wharf serve', 'docker-registry', 'ratio'], rows)}

- warm to hosted: ${toHosted((f) => f.byTag)} by tag, ${toHosted((f) => f.byDigest)} by digest, ${toHosted((f) => f.blobBytesPerSecond)} for blobs
- cold and limited, beside a client that came first and takes 80 kB/s: ${slow.toFixed(2)} of the time
- ${LARGE_CLIENTS} clients and a blob of 1 GiB, cold: ${(large.peakBytes / 1e6).toFixed(0)} MB of memory at most, ${large.imagesSent.toFixed(2)} blobs from upstream, ${large.seconds.toFixed(0)} s`;
}

const ROWS: readonly { readonly title: string; readonly of: (f: Figures) => number; readonly digits: number }[] = [
  { title: 'cold, seconds', of: (f) => least(f.cold, (c) => c.seconds), digits: 2 },
  { title: 'cold, CPU seconds', of: (f) => least(f.cold, (c) => c.cpuSeconds), digits: 2 },
  { title: 'cold and limited, seconds', of: (f) => least(f.cold, (c) => c.limitedSeconds), digits: 2 },
  { title: 'cold, images from upstream, at most', of: (f) => most(f.cold, (c) => c.imagesSent), digits: 2 },
  { title: 'cold, counted pulls, at most', of: (f) => most(f.cold, (c) => c.countedPulls), digits: 0 },
  { title: 'cold, first byte to the last client, ms', of: (f) => least(f.cold, (c) => c.firstByteMs), digits: 1 },
  { title: 'warm manifest by tag, requests/s', of: (f) => most(f.warm, (w) => w.byTag), digits: 0 },
  { title: 'warm manifest by digest, requests/s', of: (f) => most(f.warm, (w) => w.byDigest), digits: 0 },
  { title: 'warm blob GET, MiB/s', of: (f) => most(f.warm, (w) => w.blobBytesPerSecond / 2 ** 20), digits: 0 },
];

function least<T>(all: readonly T[], of: (one: T) => number): number {
  return Math.min(...all.map(of));
}

function most<T>(all: readonly T[], of: (one: T) => number): number {
  return Math.max(...all.map(of));
}
