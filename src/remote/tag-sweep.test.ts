import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../oci/digest.ts';
import { parseTag } from '../oci/reference.ts';
import type { HubTag, HubTagPage } from './hub-api.ts';
import type { RememberedTag, RememberedTags } from './tag-memory.ts';
import { sweepTags } from './tag-sweep.ts';

const PAGE = 100;
const START_MS = Date.UTC(2026, 0, 1);

/** A tag that was last moved so many minutes after the start. */
function listed(name: string, minute: number, digest: Digest | undefined = digestOf(`${name}@${minute}`)): HubTag {
  const updatedAt = new Date(START_MS + minute * 60_000).toISOString();
  return { name: parseTag(name), digest, updatedAt, mediaType: undefined, parts: [] };
}

/** Pages of a repository, newest first, and how many of them were asked for. */
function pagesOf(tags: readonly HubTag[]) {
  const counter = { read: 0 };
  async function* read(): AsyncGenerator<HubTagPage> {
    for (let start = 0; start < Math.max(1, tags.length); start += PAGE) {
      counter.read += 1;
      yield await Promise.resolve({ tags: tags.slice(start, start + PAGE), total: tags.length });
    }
  }
  return { pages: read(), counter };
}

function remember(tags: readonly HubTag[], minute: number): RememberedTags {
  const known = tags.map(({ name, digest = digestOf(name), updatedAt }) => [name, { digest, updatedAt }] as const);
  return {
    tags: new Map<HubTag['name'], RememberedTag>(known),
    unchangedBeforeMs: START_MS + minute * 60_000,
    version: 1,
  };
}

const NOTHING: RememberedTags = { tags: new Map(), unchangedBeforeMs: -Infinity, version: 0 };
const repository = (count: number) => Array.from({ length: count }, (_, nth) => listed(`v${nth}`, count - nth));
const names = (tags: readonly HubTag[]) => tags.map(({ name }) => name);

describe('a sweep', () => {
  test('ends at the first page that reaches what had not changed since the last one', async () => {
    const tags = repository(950);
    const { pages, counter } = pagesOf(tags);
    const sweep = await sweepTags(pages, names(tags), remember(tags, 950));
    expect(counter.read).toBe(1);
    expect([sweep.listed.size, sweep.unchanged.size]).toEqual([100, 850]);
    expect(sweep.newestMs).toBe(START_MS + 950 * 60_000);
  });

  test('reads on through all that changed', async () => {
    const before = repository(950);
    const moved = before.slice(300, 550).map(({ name }, nth) => listed(name, 2000 - nth));
    const now = [...moved, ...before.filter(({ name }) => !moved.some((one) => one.name === name))];
    const { pages, counter } = pagesOf(now);
    const sweep = await sweepTags(pages, names(before), remember(before, 950));
    expect(counter.read).toBe(3);
    expect(moved.every((one) => sweep.listed.get(one.name) === one)).toBe(true);
  });

  test('does not stop where the whole page is of the very moment that the last one ended at', async () => {
    const now = [...repository(150).map(({ name }) => listed(name, 950)), listed('old', 3)];
    const { pages, counter } = pagesOf(now);
    const sweep = await sweepTags(pages, names(now), remember(now, 950));
    expect(counter.read).toBe(2);
    expect(sweep.listed.size).toBe(151);
  });

  test('tells what changed of remembered tags that nobody wants now', async () => {
    const before = repository(50);
    const moved = listed('v30', 99);
    const { pages } = pagesOf([moved, ...before.filter(({ name }) => name !== 'v30')]);
    const sweep = await sweepTags(pages, names(before.slice(0, 2)), remember(before, 50));
    expect(sweep.listed.get(moved.name)).toBe(moved);
  });

  test.each<[string, (tags: HubTag[]) => HubTag[]]>([
    ['is in another order than was asked for', (tags) => tags.toReversed()],
    [
      'has a tag without a time',
      (tags) => tags.map((tag, nth) => (nth === 3 ? { ...tag, updatedAt: undefined } : tag)),
    ],
    ['has a time that is none', (tags) => tags.map((tag, nth) => (nth === 3 ? { ...tag, updatedAt: 'soon' } : tag))],
  ])('believes nothing unread to be unchanged when the list %s', async (_, spoil) => {
    const tags = repository(300);
    const { pages } = pagesOf(spoil(tags));
    const sweep = await sweepTags(pages, names(tags), remember(tags, 200));
    expect(sweep.unchanged.size).toBe(0);
    expect(sweep.newestMs).toBeUndefined();
  });

  test('of a repository of which nothing is remembered is whole when all that is wanted is seen', async () => {
    const tags = repository(300);
    const { pages, counter } = pagesOf(tags);
    const sweep = await sweepTags(pages, names(tags.slice(0, 50)), NOTHING);
    expect(counter.read).toBe(1);
    expect(sweep.newestMs).toBe(START_MS + 300 * 60_000);
  });

  test('that ends before it has seen all changes says so', async () => {
    const tags = repository(900).map((tag) => ({ ...tag }));
    const changed = tags.map(({ name }, nth) => listed(name, 5000 - nth));
    const { pages, counter } = pagesOf(changed);
    const sweep = await sweepTags(pages, [parseTag('v0')], remember(tags, 900));
    expect(counter.read).toBe(1);
    expect(sweep.newestMs).toBeUndefined();
  });
});

test('over any history of moves, looked at now and then, for whatever is wanted, a sweep is never wrong', async () => {
  const move = fc.record({ tag: fc.nat(400), looks: fc.boolean(), wanted: fc.array(fc.nat(400), { maxLength: 200 }) });
  await fc.assert(
    fc.asyncProperty(fc.nat(450), fc.array(move, { maxLength: 40 }), async (count, moves) => {
      let state = repository(count);
      let memory = NOTHING;
      let minute = count;
      for (const { tag, looks, wanted } of moves) {
        // Sometimes two moves share a moment.
        minute += tag % 2;
        state = [listed(`v${tag}`, minute), ...state.filter(({ name }) => name !== `v${tag}`)];
        if (!looks) continue;
        const { pages } = pagesOf(state);
        const truth = new Map(state.map((one) => [one.name, one.digest]));
        const sweep = await sweepTags(
          pages,
          wanted.map((nth) => parseTag(`v${nth}`)),
          memory,
        );
        for (const name of sweep.unchanged) expect(memory.tags.get(name)?.digest).toBe(truth.get(name));
        if (sweep.newestMs === undefined) continue;
        const tags = new Map(memory.tags);
        for (const { name, digest, updatedAt } of sweep.listed.values()) {
          if (digest !== undefined) tags.set(name, { digest, updatedAt });
        }
        memory = { tags, unchangedBeforeMs: sweep.newestMs, version: 0 };
      }
    }),
    { numRuns: 300 },
  );
});
