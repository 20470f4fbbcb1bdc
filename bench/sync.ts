// The main job: how fast, how frugal, how small; beside it skopeo, and the same pushes by a client that does nothing else.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../src/oci/usage-error.ts';
import type { HubProcessOptions } from '../test/support/programs/hub-process.ts';
import { openRealLibrary } from '../test/support/programs/library-folder.ts';
import { bulkStorage } from '../test/support/programs/scratch-folder.ts';
import type { Benchmark } from './benchmark.ts';
import { prepareImages } from './prepared-images.ts';
import { type RowName, describeRatios } from './sync-ratios.ts';
import { type Measured, runBare, runSkopeo, runWharf } from './sync-runs.ts';
import { formatTable } from './table.ts';

const SIX = ['alpine', 'busybox', 'nginx', 'redis', 'debian', 'httpd'];
const LATENCY_MS = 20;
const LAYER_BYTES = 1024;
const PARTS = ['floor', 'six', 'whole', 'memory', 'skopeo'] as const;

interface Row {
  readonly name: RowName;
  readonly title: string;
  readonly parts: readonly (typeof PARTS)[number][];
  readonly run: (library: string) => Promise<Measured>;
}

const ROWS: readonly Row[] = [
  {
    name: 'bareSix',
    title: 'bare pusher, six',
    parts: ['floor'],
    run: async (library) => runBare(await prepareImages(library, sixOf(library))),
  },
  { name: 'six', title: 'wharf, six', parts: ['six', 'memory'], run: (library) => runWharf(six(library)) },
  {
    name: 'layers10',
    title: 'wharf, six, layers x 10',
    parts: ['memory'],
    run: (library) => runWharf(six(library, LAYER_BYTES * 10)),
  },
  {
    name: 'layers1000',
    title: 'wharf, six, layers x 1000',
    parts: ['memory'],
    run: (library) => runWharf(six(library, LAYER_BYTES * 1000)),
  },
  {
    name: 'bareWhole',
    title: 'bare pusher, whole',
    parts: ['floor'],
    run: async (library) => runBare(await prepareImages(library)),
  },
  {
    name: 'whole',
    title: 'wharf, whole',
    parts: ['whole'],
    run: (library) => runWharf({ library, layerBytes: LAYER_BYTES }),
  },
  { name: 'skopeo', title: 'skopeo sync, six', parts: ['skopeo'], run: (library) => runSkopeo(six(library)) },
];

export const syncBenchmark: Benchmark = {
  name: 'sync',
  usage: 'sync [--only PART] [--peers] [--runs N]',
  question: `How fast is the main job, how many pulls does it spend, and how much memory does it need?
  --only ${PARTS.join('|')}   measure this part alone
  --peers    with skopeo, which takes minutes
  --runs N   the fastest of so many rounds, for a machine that others use too; skopeo runs once`,

  async run(args, report) {
    const { rows, rounds } = readOptions(args);
    await using library = await openRealLibrary();
    const fastest = new Map<RowName, Measured>();
    for (let round = 1; round <= rounds; round += 1) {
      for (const { name, title, run } of rows) {
        if (round > 1 && name === 'skopeo') continue;
        report(`measuring: ${title}`);
        const measured = await run(library.path);
        if (measured.seconds < (fastest.get(name)?.seconds ?? Infinity)) fastest.set(name, measured);
      }
    }
    const cells = rows.map(({ name, title }) => [title, ...cellsOf(fastest.get(name))]);
    return [introduction(library.name, rounds), formatTable(HEAD, cells), describeRatios(fastest)].join('\n\n');
  },
};

function readOptions(args: readonly string[]): { rows: readonly Row[]; rounds: number } {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: 'string' }, peers: { type: 'boolean' }, runs: { type: 'string', default: '1' } },
  });
  const { only, peers = false, runs } = values;
  const part = PARTS.find((known) => known === only);
  if (only !== undefined && part === undefined) {
    throw new UsageError(`--only "${only}" is not a part; there are ${PARTS.join(', ')}`);
  }
  const isWanted = ({ parts }: Row) => (part === undefined ? peers || !parts.includes('skopeo') : parts.includes(part));
  return { rows: ROWS.filter(isWanted), rounds: Number(runs) };
}

function six(library: string, layerBytes = LAYER_BYTES): HubProcessOptions {
  return { library, repositories: sixOf(library), latencyMs: LATENCY_MS, layerBytes };
}

/** The small library has not all of them. */
function sixOf(library: string): readonly string[] {
  return SIX.filter((name) => existsSync(path.join(library, 'library', name)));
}

const HEAD = ['', 'seconds', 'counted GETs', 'CPU s', 'registry CPU s', 'peak memory'];

function cellsOf(measured: Measured | undefined): string[] {
  if (measured === undefined) return [];
  const { seconds, manifestGets, cpuSeconds, registryCpuSeconds, peakBytes } = measured;
  return [
    seconds.toFixed(1),
    manifestGets === undefined ? '' : String(manifestGets),
    cpuSeconds.toFixed(1),
    registryCpuSeconds.toFixed(1),
    peakBytes === undefined ? '' : `${Math.round(peakBytes / 1e6)} MB`,
  ];
}

function introduction(library: string, rounds: number): string {
  const times = rounds === 1 ? 'Each was run once' : `Each is the fastest of ${rounds} runs, skopeo of one`;
  return `From our Docker Hub on loopback into a fresh docker-registry that stores in ${bulkStorage}:
${library}, with layers of about ${LAYER_BYTES} bytes.
\`six\` is ${SIX.join(', ')}, with ${LATENCY_MS} ms before each answer of the hub; \`whole\` is all of it,
without a delay. The bare pusher has all content in memory, fetches nothing, and sends what a mirror cannot leave out.
CPU seconds and peak memory (resident) are those of the program itself; it shares the cores with hub and registry.
${times}.`;
}
