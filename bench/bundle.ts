// What a bundle costs beside a tar of the same files: hashes, and the room that a store makes for what is applied.
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../src/oci/usage-error.ts';
import { startHubProcess } from '../test/support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../test/support/programs/library-folder.ts';
import { type RunningProgram, startProgram } from '../test/support/programs/program.ts';
import { bulkStorage, scratchFolder } from '../test/support/programs/scratch-folder.ts';
import { WHARF } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { watchUsage } from './process-usage.ts';
import { formatTable } from './table.ts';

const REPOSITORIES = ['nginx', 'redis', 'python', 'alpine'];
const LAYER_BYTES = 30_000_000;
const STORES = { images: './store', applied: './applied' } as const;

export const bundleBenchmark: Benchmark = {
  name: 'bundle',
  usage: 'bundle [--runs N] [--layer-bytes N]',
  question: `How long do bundle create and apply take beside tar with the same files?
  --runs N          the fastest of so many, 3 by default
  --layer-bytes N   of each layer, ${LAYER_BYTES} by default`,

  async run(args, report) {
    const { values } = parseArgs({
      args: [...args],
      options: { runs: { type: 'string', default: '3' }, 'layer-bytes': { type: 'string', default: `${LAYER_BYTES}` } },
    });
    const [runs, layerBytes] = [Number(values.runs), Number(values['layer-bytes'])];
    if (!(runs >= 1 && layerBytes >= 1)) throw new UsageError('--runs and --layer-bytes take numbers of at least 1');
    const rows: string[][] = [];
    for (const [storage, parent] of [
      ['memory', bulkStorage],
      ['disk', tmpdir()],
    ] as const) {
      rows.push(...(await measureAt({ storage, parent, runs, layerBytes }, report)));
    }
    return [INTRODUCTION, formatTable(['', 'seconds', 'CPU s', 'beside tar'], rows)].join('\n\n');
  },
};

const INTRODUCTION = `Images of our Docker Hub's small library, of layers that do not compress, in a store of ours; tar has the same files
as an image layout. What wharf writes is flushed, so tar is followed by sync. Each is the fastest of its runs; wharf's
seconds include those in which it starts.`;

interface Measuring {
  readonly storage: string;
  readonly parent: string;
  readonly runs: number;
  readonly layerBytes: number;
}

async function measureAt({ storage, parent, runs, layerBytes }: Measuring, report: (text: string) => void) {
  await using folder = await scratchFolder('bundle-bench', parent);
  const at = (name: string) => path.join(folder.path, name);
  const wharf = (data: string, ...args: readonly string[]) => start(folder.path, data, args);
  report(`preparing, in ${storage}`);
  await fill(folder.path, layerBytes);
  await ended(await wharf(STORES.images, 'bundle', 'create', 'store:**', '--out', 'layout'));
  const shell = (line: string) => startProgram('sh', ['-c', line], { cwd: folder.path });
  const fastest = async (what: string, outputs: readonly string[], begin: () => Promise<RunningProgram>) => {
    report(`measuring: ${what}, in ${storage}`);
    const measured: Measured[] = [];
    for (let run = 0; run < runs; run += 1) {
      for (const output of outputs) await rm(at(output), { recursive: true, force: true });
      measured.push(await measure(await begin()));
    }
    return measured.reduce((best, one) => (one.seconds < best.seconds ? one : best));
  };
  const tarred = await fastest('tar', ['t.tar'], () => shell('tar -C layout -cf t.tar . && sync t.tar'));
  const created = await fastest('bundle create', ['b.tar'], () =>
    wharf(STORES.images, 'bundle', 'create', 'store:**', '--out', 'b.tar'),
  );
  const untarred = await fastest('untar', ['x'], () => shell('mkdir x && tar -C x -xf t.tar && sync -f x'));
  const applied = await fastest('bundle apply', ['applied'], () => wharf(STORES.applied, 'bundle', 'apply', 'b.tar'));
  return [
    cells(`${storage}: tar -c`, tarred),
    cells(`${storage}: wharf bundle create`, created, tarred),
    cells(`${storage}: tar -x`, untarred),
    cells(`${storage}: wharf bundle apply`, applied, untarred),
  ];
}

async function fill(folder: string, layerBytes: number): Promise<void> {
  await using hub = await startHubProcess({ library: SMALL_LIBRARY, repositories: REPOSITORIES, layerBytes });
  const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl } };
  const images = REPOSITORIES.map((name) => `${name}:latest`);
  await ended(await start(folder, STORES.images, ['copy', ...images, 'store:'], upstreams));
}

/** No configuration but where the store is, and what fills it. */
async function start(
  cwd: string,
  data: string,
  args: readonly string[],
  upstreams: object = {},
): Promise<RunningProgram> {
  const config = path.join(cwd, `${path.basename(data)}.yaml`);
  // YAML takes JSON as it is.
  await writeFile(config, JSON.stringify({ data, upstreams, hosted: ['**'] }));
  const PATH = [path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter);
  return await startProgram(WHARF, [...args, '--config', config], { cwd, env: { PATH, HOME: cwd } });
}

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function measure(program: RunningProgram): Promise<Measured> {
  const startedMs = performance.now();
  const { cpuSeconds } = await watchUsage(program);
  const seconds = (performance.now() - startedMs) / 1000;
  await ended(program);
  return { seconds, cpuSeconds };
}

async function ended({ exited }: RunningProgram): Promise<void> {
  const { code, stderr } = await exited;
  if (code !== 0) throw new Error(`a program under measurement ended with ${code}: ${stderr}`.slice(0, 4000));
}

function cells(title: string, { seconds, cpuSeconds }: Measured, tar?: Measured): string[] {
  const beside = tar === undefined ? '' : `${(seconds / tar.seconds).toFixed(2)}×`;
  return [title, seconds.toFixed(2), tar === undefined ? '' : cpuSeconds.toFixed(1), beside];
}
