import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { type CopiedTag, CopiedTags } from './copied-tags.ts';
import { type ResolvedTag, ResolvedTags } from './resolved-tags.ts';

const nginx = parseRepositoryName('library/nginx');
const redis = parseRepositoryName('library/redis');
const latest = parseTag('latest');
const time = new Date('2026-11-23T10:00:00Z');
let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

const copied: CopiedTag = {
  repository: nginx,
  tag: latest,
  sourceDigest: digestOf('source'),
  targetDigest: digestOf('target'),
  checkedAt: time,
};
const resolved: ResolvedTag = { repository: nginx, tag: latest, digest: digestOf('source'), asOf: time };

test('copied tags are remembered for each target and repository', async () => {
  const tags = new CopiedTags(temporary.open(), 'one.example');
  await tags.put([copied]);
  expect(new CopiedTags(temporary.open(), 'one.example').in(nginx)).toEqual(new Map([[latest, copied]]));
  expect(new CopiedTags(temporary.open(), 'other.example').in(nginx).size).toBe(0);
  expect(tags.in(redis).size).toBe(0);
});

test('resolved tags are remembered for each upstream and repository', async () => {
  const tags = new ResolvedTags(temporary.open(), 'docker.io');
  await tags.put([resolved, { ...resolved, repository: redis, updatedAt: '2026-11-20T01:02:03.456789Z' }]);
  const others = new ResolvedTags(temporary.open(), 'docker.io');
  expect(others.in(nginx).get(latest)).toEqual(resolved);
  expect(others.in(redis).get(latest)?.updatedAt).toBe('2026-11-20T01:02:03.456789Z');
  expect(new ResolvedTags(temporary.open(), 'quay.io').in(nginx).size).toBe(0);
});

test('what is put again replaces what was there', async () => {
  const journal = temporary.open();
  const [copies, resolutions] = [new CopiedTags(journal, 'one.example'), new ResolvedTags(journal, 'docker.io')];
  await copies.put([copied, { ...copied, targetDigest: digestOf('newer') }]);
  await resolutions.put([{ ...resolved, updatedAt: 'then' }, resolved]);
  expect(copies.in(nginx).get(latest)?.targetDigest).toBe(digestOf('newer'));
  expect(resolutions.in(nginx)).toEqual(new Map([[latest, resolved]]));
});

test('tags are deleted one by one, or with their repository', async () => {
  const journal = temporary.open();
  const [copies, resolutions] = [new CopiedTags(journal, 'one.example'), new ResolvedTags(journal, 'docker.io')];
  const names = Array.from({ length: 120 }, (_, index) => parseTag(`v${index}`));
  await copies.put(names.map((tag) => ({ ...copied, tag })));
  await resolutions.put(names.map((tag) => ({ ...resolved, tag })));
  await copies.delete(nginx, names.slice(1));
  await resolutions.delete(nginx, names.slice(1));
  expect([...copies.in(nginx).keys()]).toEqual(['v0']);
  expect([...resolutions.in(nginx).keys()]).toEqual(['v0']);
  copies.deleteRepository(nginx);
  resolutions.deleteRepository(nginx);
  expect(copies.in(nginx).size + resolutions.in(nginx).size).toBe(0);
});

test('rows that nobody could have written mean that nothing is known', async () => {
  const journal = temporary.open();
  const [copies, resolutions] = [new CopiedTags(journal, 'one.example'), new ResolvedTags(journal, 'docker.io')];
  await copies.put([copied]);
  await resolutions.put([resolved]);
  journal.write(() => {
    journal.prepare(`UPDATE copied_tags SET target_digest = 'sha256:zz'`).run();
    journal.prepare(`UPDATE resolved_tags SET tag = 'not/a/tag'`).run();
  });
  expect(copies.in(nginx).size + resolutions.in(nginx).size).toBe(0);
});
