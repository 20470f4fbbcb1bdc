// What it takes to keep a copy: under the pull limit with a mirror, when nothing changed, and from commit to commit.
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { JobReport, SyncReport } from '../src/sync/report.ts';
import { startDockerRegistry } from '../test/support/programs/docker-registry.ts';
import { type HubProcess, startHubProcess } from '../test/support/programs/hub-process.ts';
import { isRealLibraryHere, openRealLibrary } from '../test/support/programs/library-folder.ts';
import { bulkStorage } from '../test/support/programs/scratch-folder.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { watchUsage } from './process-usage.ts';
import { formatTable } from './table.ts';

const LIMIT = 100;
/** regsync v0.11.5, on another machine: a first run of the whole library, and one when nothing changed. */
const REGSYNC = { firstSeconds: 230, idleSeconds: 5, idleHeads: 9849 };

interface Row {
  readonly title: string;
  readonly report: JobReport;
  readonly seconds: number;
  readonly peakBytes: number;
  /** At Docker Hub and its web API, tokens too. */
  readonly requests: number;
  readonly countedGets: number;
  readonly refused: number;
}

export const economyBenchmark: Benchmark = {
  name: 'economy',
  usage: 'economy [--commits N]',
  question: `What does it take to keep the whole library under a limit of ${LIMIT} pulls, with a mirror that has manifests by digest?
  --commits N   replay so many commits of the library, 10 by default`,

  async run(args, report) {
    const { values } = parseArgs({ args: [...args], options: { commits: { type: 'string', default: '10' } } });
    await using library = await openRealLibrary();
    const commits = isRealLibraryHere ? lastCommits(library.path, Number(values.commits) + 1) : [];
    const [first, ...later] = commits;
    if (first !== undefined) checkOut(library.path, first);
    await using world = await openWorld(library.path);
    const rows: Row[] = [];
    const measure = async (title: string) => {
      report(`measuring: ${title}`);
      rows.push(await world.sync(title));
    };
    await measure('first run');
    await measure('nothing changed');
    await measure('nothing changed, again');
    await world.hub.rebuild('library/nginx', 'latest');
    await world.mirror.rebuild('library/nginx', 'latest');
    await measure('one image built anew');
    for (const commit of later) {
      checkOut(library.path, commit);
      for (const hub of [world.hub, world.mirror]) await hub.moveTo(library.path);
      await measure(`commit ${commit.slice(0, 7)}`);
    }
    return [introduction(library.name, commits.length), formatTable(HEAD, rows.map(cellsOf)), ratios(rows)].join(
      '\n\n',
    );
  },
};

async function openWorld(library: string) {
  await using opened = new AsyncDisposableStack();
  const hub = opened.use(await startHubProcess({ library, limit: LIMIT }));
  const mirror = opened.use(await startHubProcess({ library }));
  const registry = opened.use(await startDockerRegistry());
  const mirrors = [{ url: mirror.registryUrl, for: ['manifests'] as const }];
  const wharf = opened.use(await openWharf({ ...hub, mirrors }));
  // Both have built all images before the clock starts.
  await Promise.all([hub.expected(), mirror.expected()]);
  const running = opened.move();
  return {
    hub,
    mirror,
    sync: async (title: string): Promise<Row> => {
      await hub.resetCounters();
      const startedMs = performance.now();
      const catalog = ['--catalog', `official-images:${library}`];
      const program = await wharf.start(['sync', ...catalog, '--json', '--to', registry.url]);
      const { peakBytes } = await watchUsage(program);
      const seconds = (performance.now() - startedMs) / 1000;
      const { code, stdout, stderr } = await program.exited;
      if (code !== 0) throw new Error(`the run ended with ${code}: ${stderr}`.slice(0, 4000));
      const [job] = (JSON.parse(stdout) as SyncReport).jobs;
      if (job === undefined) throw new Error('the report has no job');
      return { title, report: job, seconds, peakBytes, ...(await chargedAt(hub)) };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function chargedAt(hub: HubProcess) {
  const { manifestGets, manifestHeads, apiCalls, blobGets, tokenRequests, refused } = await hub.counters();
  const requests = manifestGets + manifestHeads + apiCalls + blobGets + tokenRequests + refused;
  return { requests, countedGets: manifestGets, refused };
}

function lastCommits(folder: string, count: number): string[] {
  const log = execFileSync('git', ['-C', folder, 'log', '--first-parent', '--format=%H', `-${count}`], {
    encoding: 'utf8',
  });
  return log.trim().split('\n').toReversed();
}

function checkOut(folder: string, commit: string): void {
  execFileSync('git', ['-C', folder, 'checkout', '--quiet', '--detach', commit]);
}

const HEAD = [
  '',
  'seconds',
  'requests upstream',
  'counted GETs',
  'refused',
  'tags moved',
  'images copied',
  'peak memory',
];

function cellsOf({ title, report, seconds, requests, countedGets, refused, peakBytes }: Row): string[] {
  const counts = [requests, countedGets, refused, report.tags.copied, report.images.copied];
  return [title, seconds.toFixed(1), ...counts.map(String), `${Math.round(peakBytes / 1e6)} MB`];
}

function ratios(rows: readonly Row[]): string {
  if (!isRealLibraryHere) return '';
  const at = (title: string) => rows.find((row) => row.title === title);
  const [first, idle] = [at('first run'), at('nothing changed, again')];
  if (first === undefined || idle === undefined) return '';
  const ratio = (ours: number, theirs: number) => (ours / theirs).toFixed(2);
  return [
    `- wharf to regsync v0.11.5, measured elsewhere without a limit, first run: ${ratio(first.seconds, REGSYNC.firstSeconds)} of the time`,
    `- wharf to regsync, nothing changed: ${ratio(idle.seconds, REGSYNC.idleSeconds)} of the time, ${ratio(idle.requests, REGSYNC.idleHeads)} of the requests`,
  ].join('\n');
}

function introduction(library: string, commits: number): string {
  return `From our Docker Hub on loopback, with ${LIMIT} pulls an hour, and a mirror that is asked for manifests by digest,
into one docker-registry that stores in ${bulkStorage}: ${library}, or ${Math.max(0, commits - 1)} commits before and then commit by commit.
Requests upstream are those at the hub: manifests, blobs, tokens and the web API.`;
}
