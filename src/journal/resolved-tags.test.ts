import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import type { RememberedTag } from '../remote/tag-memory.ts';
import { ResolvedTags } from './resolved-tags.ts';

const NGINX = parseRepositoryName('library/nginx');
const LATEST = parseTag('latest');
const OTHER = parseTag('other');
const DAY_MS = 86_400_000;
let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

function meaning(content: string, updatedAt?: string): RememberedTag {
  return { digest: digestOf(content), ...(updatedAt !== undefined && { updatedAt }) };
}

/** As a run does it: recalls, and remembers what it learnt on top of that. */
async function learn(memory: ResolvedTags, tags: Record<string, RememberedTag | undefined>, unchangedBeforeMs = 1) {
  const learnt = new Map(Object.entries(tags).map(([tag, one]) => [parseTag(tag), one]));
  await memory.remember(NGINX, memory.recall(NGINX), { tags: learnt, unchangedBeforeMs });
}

const known = (memory: ResolvedTags) => Object.fromEntries(memory.recall(NGINX).tags);

describe('what tags mean', () => {
  test('is remembered for each upstream and repository', async () => {
    const tags = { latest: meaning('one', '2026-11-20T01:02:03.456789Z'), other: meaning('two') };
    await learn(new ResolvedTags(temporary.open(), 'docker.io'), tags, 77);
    const memory = new ResolvedTags(temporary.open(), 'docker.io');
    expect(known(memory)).toEqual(tags);
    expect(memory.recall(NGINX).unchangedBeforeMs).toBe(77);
    expect(memory.recall(parseRepositoryName('library/redis')).tags.size).toBe(0);
    expect(new ResolvedTags(temporary.open(), 'quay.io').recall(NGINX).tags.size).toBe(0);
  });

  test('is nothing, and nothing is unchanged, before anything was learnt', () => {
    const memory = new ResolvedTags(temporary.open(), 'docker.io');
    expect(memory.recall(NGINX)).toEqual({ tags: new Map(), unchangedBeforeMs: -Infinity, version: 0 });
  });

  test('is added to, replaced, and forgotten, tag by tag', async () => {
    const memory = new ResolvedTags(temporary.open(), 'docker.io');
    await learn(memory, { latest: meaning('one'), other: meaning('two') }, 5);
    await learn(memory, { latest: meaning('newer'), other: undefined, third: meaning('three') }, 6);
    expect(known(memory)).toEqual({ latest: meaning('newer'), third: meaning('three') });
    expect(memory.recall(NGINX).unchangedBeforeMs).toBe(6);
  });

  test('is not added to what somebody else has learnt meanwhile, which may be later', async () => {
    const memory = new ResolvedTags(temporary.open(), 'docker.io');
    await learn(memory, { latest: meaning('one') }, 5);
    const recalled = memory.recall(NGINX);
    await learn(memory, { latest: meaning('latest') }, 9);
    const tags = new Map([[LATEST, meaning('stale')]]);
    await memory.remember(NGINX, recalled, { tags, unchangedBeforeMs: 7 });
    expect(known(memory)).toEqual({ latest: meaning('latest') });
    expect(memory.recall(NGINX).unchangedBeforeMs).toBe(9);
  });

  test('is replaced as a whole by whoever asked for everything anew', async () => {
    const memory = new ResolvedTags(temporary.open(), 'docker.io');
    await learn(memory, { latest: meaning('one'), other: meaning('two') }, 5);
    const anew = { tags: new Map(), unchangedBeforeMs: -Infinity, version: memory.recall(NGINX).version };
    await memory.remember(NGINX, anew, { tags: new Map([[OTHER, meaning('new')]]), unchangedBeforeMs: 8 });
    expect(known(memory)).toEqual({ other: meaning('new') });
  });

  test('is asked for again after a week or a little more, not at the same time for all, and when the clock was set back', async () => {
    const memory = new ResolvedTags(temporary.open(), 'docker.io');
    await learn(memory, { latest: meaning('one') });
    temporary.clock.advance(7 * DAY_MS - 1);
    await learn(memory, { other: meaning('two') });
    expect(memory.recall(NGINX).tags.size).toBe(2);
    temporary.clock.advance(2 * DAY_MS);
    expect(memory.recall(NGINX)).toMatchObject({ tags: new Map(), unchangedBeforeMs: -Infinity });
    temporary.clock.advance(-30 * DAY_MS);
    expect(memory.recall(NGINX).tags.size).toBe(0);
  });

  test('is unknown where a row is one that nobody could have written', async () => {
    const journal = temporary.open();
    const memory = new ResolvedTags(journal, 'docker.io');
    await learn(memory, { latest: meaning('one'), other: meaning('two') });
    journal.write(() => journal.prepare(`UPDATE resolved_tags SET digest = 'sha256:zz' WHERE tag = 'latest'`).run());
    expect(known(memory)).toEqual({ other: meaning('two') });
  });
});
