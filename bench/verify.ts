// Verifying a mirror: how long all tags take without a pull, and the deeper comparisons beside a client that only asks.
import { Agent, request } from 'node:http';
import { parseArgs } from 'node:util';
import { forEach } from '../src/async/for-each.ts';
import { MANIFEST_ACCEPT } from '../src/oci/media-type.ts';
import type { VerifyReport } from '../src/verify/report.ts';
import { startDockerRegistry } from '../test/support/programs/docker-registry.ts';
import { type HubProcess, startHubProcess } from '../test/support/programs/hub-process.ts';
import { openRealLibrary } from '../test/support/programs/library-folder.ts';
import { bulkStorage } from '../test/support/programs/scratch-folder.ts';
import { type Wharf, openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { type PreparedImage, prepareImages } from './prepared-images.ts';
import { watchUsage } from './process-usage.ts';
import { formatTable } from './table.ts';

const DEEP_REPOSITORIES = ['alpine', 'busybox', 'nginx', 'redis'];
const BARE_CONNECTIONS = 16;
const DEPTHS = ['manifests', 'layers', 'bytes'] as const;

export const verifyBenchmark: Benchmark = {
  name: 'verify',
  usage: 'verify [--only tags|deep]',
  question: `How long does it take to compare a mirror with the authority, and does it spend a pull?
  --only tags|deep   all tags of the library, or the deeper comparisons of some repositories`,

  async run(args, report) {
    const { values } = parseArgs({ args: [...args], options: { only: { type: 'string' } } });
    await using library = await openRealLibrary();
    const sections = [introduction(library.name)];
    if (values.only !== 'deep') sections.push(await measureTags(library.path, report));
    if (values.only !== 'tags') sections.push(await measureDepths(library.path, report));
    return sections.join('\n\n');
  },
};

async function measureTags(library: string, report: (text: string) => void): Promise<string> {
  await using hub = await startHubProcess({ library, limit: 100 });
  await using mirror = await startHubProcess({ library });
  await using wharf = await openWharf(hub);
  report('building all images, twice');
  await Promise.all([hub.expected(), mirror.expected()]);
  const catalog = ['--catalog', `official-images:${library}`];
  report('measuring: all tags at one mirror');
  const one = await verify(wharf, hub, [mirror.registryUrl, ...catalog]);
  report('measuring: all tags at one mirror, and at one that is dead');
  const two = await verify(wharf, hub, [mirror.registryUrl, 'http://127.0.0.1:1', ...catalog]);
  const rows = [rowOf('all tags', one), rowOf('beside a dead mirror', two)];
  return formatTable(['depth tags', 'seconds', 'tags', 'tags/s', 'counted GETs', 'CPU s', 'peak memory'], rows);
}

function rowOf(title: string, { seconds, cpuSeconds, peakBytes, tags, countedGets }: Verified): string[] {
  const numbers = [seconds.toFixed(1), tags, Math.round(tags / seconds), countedGets, cpuSeconds.toFixed(1)];
  return [title, ...numbers.map(String), `${Math.round(peakBytes / 1e6)} MB`];
}

async function measureDepths(library: string, report: (text: string) => void): Promise<string> {
  const images = await prepareImages(library, DEEP_REPOSITORIES);
  await using hub = await startHubProcess({ library, repositories: DEEP_REPOSITORIES });
  await using registry = await startDockerRegistry();
  await using wharf = await openWharf(hub);
  report('filling a registry');
  const include = DEEP_REPOSITORIES.flatMap((name) => ['--include', name]);
  const catalog = ['--catalog', `official-images:${library}`, ...include];
  const { code, stderr } = await wharf.run(['sync', ...catalog, '--to', registry.url]);
  if (code !== 0) throw new Error(`the sync ended with ${code}: ${stderr}`.slice(0, 4000));
  const rows: string[][] = [];
  for (const depth of DEPTHS) {
    report(`measuring: ${depth}`);
    const requests = requestsOf(images, depth);
    const bareSeconds = await sendAll(registry.url, requests);
    const { seconds } = await verify(wharf, hub, [registry.url, ...catalog, '--depth', depth]);
    const perSecond = (each: number) => String(Math.round(requests.length / each));
    rows.push([depth, String(requests.length), perSecond(seconds), perSecond(bareSeconds), seconds.toFixed(1)]);
  }
  return formatTable(['depth', 'requests', 'wharf, requests/s', 'bare client, requests/s', 'wharf, seconds'], rows);
}

interface Verified {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly tags: number;
  readonly countedGets: number;
}

async function verify(wharf: Wharf, hub: HubProcess, args: readonly string[]): Promise<Verified> {
  await hub.resetCounters();
  const startedMs = performance.now();
  const program = await wharf.start(['verify', '--json', ...args]);
  const usage = await watchUsage(program);
  const seconds = (performance.now() - startedMs) / 1000;
  const { stdout, stderr } = await program.exited;
  if (!stdout.startsWith('{')) throw new Error(`there is no report: ${stderr}`.slice(0, 4000));
  const { mirrors, tags } = JSON.parse(stdout) as VerifyReport;
  const same = mirrors[0]?.counts.same ?? 0;
  if (same !== tags.wanted) throw new Error(`of ${tags.wanted} tags only ${same} are the same`);
  return { ...usage, seconds, tags: tags.wanted, countedGets: (await hub.counters()).manifestGets };
}

interface PlainRequest {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
}

/** What a comparison of that depth cannot leave out. */
function requestsOf(images: readonly PreparedImage[], depth: (typeof DEPTHS)[number]): readonly PlainRequest[] {
  const requests = new Map<string, PlainRequest>();
  const add = (method: PlainRequest['method'], path: string) => requests.set(`${method} ${path}`, { method, path });
  for (const { repository, tags, index, children } of images) {
    for (const tag of tags) add('HEAD', `${repository}/manifests/${tag}`);
    add('GET', `${repository}/manifests/${index.digest}`);
    for (const { manifest, blobs } of children) {
      add('GET', `${repository}/manifests/${manifest.digest}`);
      add('HEAD', `${repository}/manifests/${manifest.digest}`);
      if (depth === 'manifests') continue;
      for (const { digest } of blobs) add(depth === 'bytes' ? 'GET' : 'HEAD', `${repository}/blobs/${digest}`);
    }
  }
  return [...requests.values()];
}

/** Sends them over so many connections, reads the answers and looks at none. */
async function sendAll(url: string, requests: readonly PlainRequest[]): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: BARE_CONNECTIONS });
  const startedMs = performance.now();
  await forEach(requests, BARE_CONNECTIONS, async ({ method, path }) => {
    const answered = Promise.withResolvers<void>();
    const headers = { accept: MANIFEST_ACCEPT };
    const sent = request(`${url}/v2/${path}`, { method, agent, headers }, (response) => {
      if (response.statusCode !== 200) answered.reject(new Error(`${response.statusCode} for ${path}`));
      response.resume().on('end', answered.resolve).on('error', answered.reject);
    });
    sent.on('error', answered.reject).end();
    await answered.promise;
  });
  agent.destroy();
  return (performance.now() - startedMs) / 1000;
}

function introduction(library: string): string {
  return `Against our Docker Hub on loopback, with 100 pulls an hour: ${library}.
\`depth tags\` has all of it, at a mirror that is another process of that hub; the deeper ones have
${DEEP_REPOSITORIES.join(', ')}, at a docker-registry that stores in ${bulkStorage}. The bare client sends the same requests
over ${BARE_CONNECTIONS} connections and looks at nothing; wharf's figures include its start and the authority's answers.`;
}
