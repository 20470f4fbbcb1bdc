import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { type CopiedTag, CopiedTags } from './copied-tags.ts';

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
  unwantedSince: undefined,
};

test('copied tags are remembered for each target and repository', async () => {
  const tags = new CopiedTags(temporary.open(), 'one.example');
  await tags.put([copied]);
  expect(new CopiedTags(temporary.open(), 'one.example').in(nginx)).toEqual(new Map([[latest, copied]]));
  expect(new CopiedTags(temporary.open(), 'other.example').in(nginx).size).toBe(0);
  expect(tags.in(redis).size).toBe(0);
  expect(tags.repositories()).toEqual([nginx]);
});

test('what is put again replaces what was there', async () => {
  const copies = new CopiedTags(temporary.open(), 'one.example');
  await copies.put([copied, { ...copied, targetDigest: digestOf('newer'), unwantedSince: time }]);
  expect(copies.in(nginx).get(latest)).toMatchObject({ targetDigest: digestOf('newer'), unwantedSince: time });
  await copies.put([copied]);
  expect(copies.in(nginx).get(latest)).toEqual(copied);
});

test('tags are deleted one by one', async () => {
  const copies = new CopiedTags(temporary.open(), 'one.example');
  const names = Array.from({ length: 120 }, (_, index) => parseTag(`v${index}`));
  await copies.put(names.map((tag) => ({ ...copied, tag })));
  await copies.delete(nginx, names.slice(1));
  expect([...copies.in(nginx).keys()]).toEqual(['v0']);
});

test('rows that nobody could have written mean that nothing is known', async () => {
  const journal = temporary.open();
  const copies = new CopiedTags(journal, 'one.example');
  await copies.put([copied, { ...copied, repository: redis }]);
  journal.write(() => {
    journal.prepare(`UPDATE copied_tags SET target_digest = 'sha256:zz'`).run();
    journal.prepare(`UPDATE copied_tags SET repository = 'No/Such' WHERE repository = 'library/redis'`).run();
  });
  expect(copies.in(nginx).size).toBe(0);
  expect(copies.repositories()).toEqual([nginx]);
});
