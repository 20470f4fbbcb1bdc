// What it takes to list a whole namespace of Docker Hub by its web API: as many repositories and tags as the library had.
import { parseArgs } from 'node:util';
import { catalogImage } from '../test/support/hub/catalog-image.ts';
import type { HubImage } from '../test/support/hub/hub-image.ts';
import { startHub } from '../test/support/hub/hub.ts';
import { openWharf } from '../test/support/programs/wharf.ts';
import type { Benchmark } from './benchmark.ts';
import { watchUsage } from './process-usage.ts';
import { formatTable } from './table.ts';

/** The library on 2021-02-16. */
const REPOSITORIES = 162;
const TAGS = 52_094;
const TAGS_AN_IMAGE = 10;
const PLATFORMS = ['linux/amd64', 'linux/arm64/v8', 'linux/arm/v7'];
const LATENCY_MS = 20;
const UNLIMITED = 1_000_000;

export const catalogBenchmark: Benchmark = {
  name: 'catalog',
  usage: 'catalog [--api-limit N]',
  question: `How long does it take to list ${REPOSITORIES} repositories with ${TAGS} tags by the web API, at ${LATENCY_MS} ms a page?
  --api-limit N   requests a minute that the API allows; 180 by default`,

  async run(args, report) {
    const { values } = parseArgs({ args: [...args], options: { 'api-limit': { type: 'string', default: '180' } } });
    report('building the images');
    const images = namespace();
    const rows = [
      await measure('without a limit', images, UNLIMITED, report),
      await measure(`${values['api-limit']} a minute`, images, Number(values['api-limit']), report),
    ];
    const head = ['', 'seconds', 'pages', 'refused', 'tags', 'images', 'CPU s', 'peak memory'];
    return `${INTRODUCTION}\n\n${formatTable(head, rows)}`;
  },
};

async function measure(
  title: string,
  images: readonly HubImage[],
  apiLimitPerMinute: number,
  report: (text: string) => void,
): Promise<string[]> {
  await using hub = await startHub({
    images,
    apiLimitPerMinute,
    latencyMs: LATENCY_MS,
    layerBytes: 100,
    oldTagsPerRepository: 0,
  });
  // All images are built before the clock starts.
  hub.expected();
  await using wharf = await openWharf(hub);
  report(`measuring: ${title}`);
  const startedMs = performance.now();
  const program = await wharf.start(['catalog', '--catalog', 'hub:library', '--json']);
  const { cpuSeconds, peakBytes } = await watchUsage(program);
  const seconds = (performance.now() - startedMs) / 1000;
  const { code, stdout, stderr } = await program.exited;
  if (code !== 0) throw new Error(`the listing ended with ${code}: ${stderr}`.slice(0, 4000));
  const listed = (JSON.parse(stdout) as { images: { tags: string[] }[] }).images;
  const tags = listed.flatMap((image) => image.tags).length;
  const counts = [hub.counters.apiCalls, hub.counters.refused, tags, listed.length].map(String);
  return [title, seconds.toFixed(1), ...counts, cpuSeconds.toFixed(1), `${Math.round(peakBytes / 1e6)} MB`];
}

/** A few repositories have thousands of tags, and most have some dozens. */
function namespace(): HubImage[] {
  const shares = Array.from({ length: REPOSITORIES }, (_, nth) => 1 / (nth + 4));
  const sum = shares.reduce((total, share) => total + share, 0);
  let left = TAGS;
  return shares.flatMap((share, nth) => {
    const count = nth === REPOSITORIES - 1 ? left : Math.round((TAGS * share) / sum);
    left -= count;
    const tags = Array.from(
      { length: count },
      (_, tag) => `1.${Math.floor(tag / TAGS_AN_IMAGE)}.${tag % TAGS_AN_IMAGE}`,
    );
    return Array.from({ length: Math.ceil(count / TAGS_AN_IMAGE) }, (_, image) =>
      catalogImage(
        `repository-${String(nth).padStart(3, '0')}`,
        tags.slice(image * TAGS_AN_IMAGE, (image + 1) * TAGS_AN_IMAGE),
        PLATFORMS,
      ),
    );
  });
}

const INTRODUCTION = `\`wharf catalog --catalog hub:library\` from our Docker Hub on loopback, with ${LATENCY_MS} ms before each answer: ${REPOSITORIES} repositories
with ${TAGS} tags between them, a hundred a page. Each was run once. The program shares the cores with the hub.`;
