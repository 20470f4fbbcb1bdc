// A registry of our own beside docker-registry: the same requests, by the same clients, in turns.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { forEach } from '../src/async/for-each.ts';
import { digestOf } from '../src/oci/digest.ts';
import { MEDIA_TYPES } from '../src/oci/media-type.ts';
import { startDockerRegistry } from '../test/support/programs/docker-registry.ts';
import { bulkStorage, scratchFolder } from '../test/support/programs/scratch-folder.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { usageOf } from './process-usage.ts';
import { pushBlob, pushManifest } from './pushes.ts';
import { SLOW_READERS, memoryForSlowReaders } from './slow-readers.ts';
import { formatTable } from './table.ts';
import { requestsPerSecond } from './wrk.ts';

const LARGE_BYTES = 200 * 1024 * 1024;
const PUSHES = 200;
const PUSH_BYTES = 1024 * 1024;
const SECONDS = 6;
const WARM_UP_SECONDS = 2;
const REPOSITORY = 'bench/app';

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

interface Figures {
  readonly byTag: number;
  readonly byDigest: number;
  readonly blobBytesPerSecond: number;
  readonly cpuPerGiB: number;
  readonly pushSeconds: number;
  readonly pushCpu: number;
  readonly slowReaderBytes: number;
}

export const registryBenchmark: Benchmark = {
  name: 'registry',
  usage: 'registry [--runs N]',
  question: `How fast and small is our registry beside docker-registry: manifests, large blobs, pushes, slow readers? Needs wrk.
  --runs N   the best of so many rounds, 2 by default`,

  async run(args, report) {
    const rounds = Number(args[args.indexOf('--runs') + 1] ?? 2) || 2;
    const best = new Map<string, Figures>();
    for (let round = 1; round <= rounds; round += 1) {
      for (const [name, start] of SERVERS) {
        report(`measuring: ${name}`);
        await using server = await start();
        const figures = await measure(server);
        best.set(name, bestOf(figures, best.get(name)));
      }
    }
    const [ours, theirs] = ['wharf serve', 'docker-registry'].map((name) => best.get(name));
    if (ours === undefined || theirs === undefined) throw new Error('both were measured');
    const rows = ROWS.map(({ title, of, format, ratio }) => [
      title,
      format(of(ours)),
      format(of(theirs)),
      ratio(of(ours), of(theirs)),
    ]);
    return `Both store in ${bulkStorage}; the best of ${rounds} rounds each, in turns. Manifests of 2 KiB over 16 connections and a blob of
${LARGE_BYTES / 1024 / 1024} MiB over 4 are asked for by wrk for ${SECONDS} s; ${PUSHES} blobs of 1 MiB are pushed over 8 connections.
${SLOW_READERS} clients read a blob of 1 GiB at 2 MiB/s each, right after it was pushed; of the memory, the most.

${formatTable(['', 'wharf serve', 'docker-registry', 'ratio'], rows)}`;
  },
};

const SERVERS: readonly (readonly [string, () => Promise<Server>])[] = [
  ['docker-registry', () => startDockerRegistry()],
  ['wharf serve', startWharf],
];

const times = (ours: number, theirs: number) => (ours / theirs).toFixed(2);
const ROWS = [
  {
    title: 'manifest by tag, requests/s',
    of: (f: Figures) => f.byTag,
    format: (n: number) => n.toFixed(0),
    ratio: times,
  },
  {
    title: 'manifest by digest, requests/s',
    of: (f: Figures) => f.byDigest,
    format: (n: number) => n.toFixed(0),
    ratio: times,
  },
  {
    title: 'blob GET, MiB/s',
    of: (f: Figures) => f.blobBytesPerSecond / 2 ** 20,
    format: (n: number) => n.toFixed(0),
    ratio: times,
  },
  {
    title: 'blob GET, CPU seconds per GiB',
    of: (f: Figures) => f.cpuPerGiB,
    format: (n: number) => n.toFixed(2),
    ratio: times,
  },
  { title: 'push, seconds', of: (f: Figures) => f.pushSeconds, format: (n: number) => n.toFixed(2), ratio: times },
  { title: 'push, CPU seconds', of: (f: Figures) => f.pushCpu, format: (n: number) => n.toFixed(2), ratio: times },
  {
    title: `memory for ${SLOW_READERS} slow readers, MB`,
    of: (f: Figures) => f.slowReaderBytes / 1e6,
    format: (n: number) => n.toFixed(0),
    ratio: times,
  },
] as const;

async function startWharf(): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const data = opened.use(await scratchFolder('bench', bulkStorage));
  const wharf = opened.use(
    await openWharf({ registryUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1', data: data.path }),
  );
  const program = opened.use(
    // Its log is written, and nobody spends the machine's time on reading it; docker-registry's is off.
    await wharf.start(
      ['serve', '--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off'],
      {},
      path.join(data.path, 'serve.log'),
    ),
  );
  const url = (await program.firstLine).replace('listening on ', '');
  const running = opened.move();
  return { url, pid: program.pid, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function measure({ url, pid }: Server): Promise<Figures> {
  const slowReaderBytes = await memoryForSlowReaders(`${url}/v2/${REPOSITORY}`, pid);
  const large = randomBytes(LARGE_BYTES);
  await pushBlob(`${url}/v2/${REPOSITORY}`, large);
  const config = Buffer.from('{}');
  await pushBlob(`${url}/v2/${REPOSITORY}`, config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociImage,
      config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(config), size: config.byteLength },
      layers: [],
      annotations: { filler: 'x'.repeat(1700) },
    }),
  );
  await pushManifest(`${url}/v2/${REPOSITORY}`, 'latest', { mediaType: MEDIA_TYPES.ociImage, bytes: manifest });
  // Neither has anything to compile, or to read for the first time, once it is measured.
  await requestsPerSecond(`${url}/v2/${REPOSITORY}/manifests/latest`, 16, WARM_UP_SECONDS);
  const byTag = await requestsPerSecond(`${url}/v2/${REPOSITORY}/manifests/latest`, 16, SECONDS);
  const byDigest = await requestsPerSecond(`${url}/v2/${REPOSITORY}/manifests/${digestOf(manifest)}`, 16, SECONDS);
  const before = usageOf(pid).cpuSeconds;
  const blobs = await requestsPerSecond(`${url}/v2/${REPOSITORY}/blobs/${digestOf(large)}`, 4, SECONDS);
  const cpuPerGiB = (usageOf(pid).cpuSeconds - before) / ((blobs * SECONDS * LARGE_BYTES) / 2 ** 30);
  const bodies = Array.from({ length: PUSHES }, () => randomBytes(PUSH_BYTES));
  const cpuBefore = usageOf(pid).cpuSeconds;
  const startedMs = performance.now();
  await forEach(bodies, 8, (body) => pushBlob(`${url}/v2/${REPOSITORY}`, body));
  const pushSeconds = (performance.now() - startedMs) / 1000;
  const pushCpu = usageOf(pid).cpuSeconds - cpuBefore;
  return { byTag, byDigest, blobBytesPerSecond: blobs * LARGE_BYTES, cpuPerGiB, pushSeconds, pushCpu, slowReaderBytes };
}

function bestOf(one: Figures, other: Figures | undefined): Figures {
  if (other === undefined) return one;
  return {
    byTag: Math.max(one.byTag, other.byTag),
    byDigest: Math.max(one.byDigest, other.byDigest),
    blobBytesPerSecond: Math.max(one.blobBytesPerSecond, other.blobBytesPerSecond),
    cpuPerGiB: Math.min(one.cpuPerGiB, other.cpuPerGiB),
    pushSeconds: Math.min(one.pushSeconds, other.pushSeconds),
    pushCpu: Math.min(one.pushCpu, other.pushCpu),
    slowReaderBytes: Math.max(one.slowReaderBytes, other.slowReaderBytes),
  };
}
