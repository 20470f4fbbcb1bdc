// A registry of our own beside docker-registry: the same requests, by the same clients, in turns.
import { randomBytes } from 'node:crypto';
import { forEach } from '../src/async/for-each.ts';
import { digestOf } from '../src/oci/digest.ts';
import { MEDIA_TYPES } from '../src/oci/media-type.ts';
import { startDockerRegistry } from '../test/support/programs/docker-registry.ts';
import { runProgram } from '../test/support/programs/program.ts';
import { bulkStorage, scratchFolder } from '../test/support/programs/scratch-folder.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { usageOf } from './process-usage.ts';
import { formatTable } from './table.ts';

const LARGE_BYTES = 200 * 1024 * 1024;
const PUSHES = 200;
const PUSH_BYTES = 1024 * 1024;
const SECONDS = 6;
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
}

export const registryBenchmark: Benchmark = {
  name: 'registry',
  usage: 'registry [--runs N]',
  question: `How fast is our registry beside docker-registry: manifests, large blobs, pushes? Needs wrk.
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
] as const;

async function startWharf(): Promise<Server> {
  await using opened = new AsyncDisposableStack();
  const data = opened.use(await scratchFolder('bench', bulkStorage));
  const wharf = opened.use(
    await openWharf({ registryUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1', data: data.path }),
  );
  const program = opened.use(await wharf.start(['serve', '--hosted', '**', '--listen', '127.0.0.1:0']));
  const url = (await program.firstLine).replace('listening on ', '');
  const running = opened.move();
  return { url, pid: program.pid, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function measure({ url, pid }: Server): Promise<Figures> {
  const large = randomBytes(LARGE_BYTES);
  await push(url, large);
  const config = Buffer.from('{}');
  await push(url, config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociImage,
      config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(config), size: config.byteLength },
      layers: [],
      annotations: { filler: 'x'.repeat(1700) },
    }),
  );
  const headers = { 'content-type': MEDIA_TYPES.ociImage };
  await expectStatus(
    201,
    fetch(`${url}/v2/${REPOSITORY}/manifests/latest`, { method: 'PUT', headers, body: manifest }),
  );
  const byTag = await requestsPerSecond(`${url}/v2/${REPOSITORY}/manifests/latest`, 16);
  const byDigest = await requestsPerSecond(`${url}/v2/${REPOSITORY}/manifests/${digestOf(manifest)}`, 16);
  const before = usageOf(pid).cpuSeconds;
  const blobs = await requestsPerSecond(`${url}/v2/${REPOSITORY}/blobs/${digestOf(large)}`, 4);
  const cpuPerGiB = (usageOf(pid).cpuSeconds - before) / ((blobs * SECONDS * LARGE_BYTES) / 2 ** 30);
  const bodies = Array.from({ length: PUSHES }, () => randomBytes(PUSH_BYTES));
  const cpuBefore = usageOf(pid).cpuSeconds;
  const startedMs = performance.now();
  await forEach(bodies, 8, (body) => push(url, body));
  const pushSeconds = (performance.now() - startedMs) / 1000;
  const pushCpu = usageOf(pid).cpuSeconds - cpuBefore;
  return { byTag, byDigest, blobBytesPerSecond: blobs * LARGE_BYTES, cpuPerGiB, pushSeconds, pushCpu };
}

async function push(url: string, body: Buffer<ArrayBuffer>): Promise<void> {
  const begun = await expectStatus(202, fetch(`${url}/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' }));
  const location = new URL(begun.headers.get('location') ?? '', url);
  location.searchParams.set('digest', digestOf(body));
  const headers = { 'content-type': 'application/octet-stream' };
  await expectStatus(201, fetch(location, { method: 'PUT', headers, body }));
}

async function expectStatus(status: number, answering: Promise<Response>): Promise<Response> {
  const answer = await answering;
  await answer.bytes();
  if (answer.status !== status) throw new Error(`the registry answered ${answer.status} for ${answer.url}`);
  return answer;
}

async function requestsPerSecond(url: string, connections: number): Promise<number> {
  const accept = `Accept: ${MEDIA_TYPES.ociImage}`;
  const args = ['-t', '1', '-c', String(connections), '-d', `${SECONDS}s`, '--timeout', '30s', '-H', accept, url];
  const { code, stdout, stderr } = await runProgram('wrk', args);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1];
  if (code !== 0 || rate === undefined || /Non-2xx/.test(stdout))
    throw new Error(`wrk ended with ${code}: ${stdout}${stderr}`);
  return Number(rate);
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
  };
}
