import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { UnusableState, decodeSnapshot, encodeSnapshot } from './snapshot-lines.ts';
import { NOTHING, type Snapshot, mergeSnapshots } from './snapshot.ts';

const SCOPE = 'a job';
const time = fc.integer({ min: 0, max: 8.64e15 });
const digest = fc.string().map((text) => digestOf(text));
const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/).map(parseTag);
const repository = fc.stringMatching(/^[a-z0-9]{1,8}(?:\/[a-z0-9]{1,8}){0,2}$/).map(parseRepositoryName);
const remembered = fc.oneof(fc.record({ digest }), fc.record({ digest, updatedAt: fc.string({ maxLength: 32 }) }));

const snapshots: fc.Arbitrary<Snapshot> = fc.record({
  revision: fc.option(fc.stringMatching(/^[0-9a-f]{40}$/), { nil: undefined }),
  deferred: fc.array(fc.record({ repository, tag })),
  known: fc.array(
    fc.record({
      repository,
      tags: fc.array(fc.tuple(tag, remembered)).map((entries) => new Map(entries)),
      unchangedBeforeMs: time,
      readAtMs: time,
    }),
  ),
  copied: fc.array(
    fc.array(
      fc.record({
        repository,
        tag,
        sourceDigest: digest,
        targetDigest: digest,
        checkedAt: time.map((ms) => new Date(ms)),
      }),
      { minLength: 1 },
    ),
    { maxLength: 3 },
  ),
});

test('what was written is what is read', async () => {
  await fc.assert(
    fc.asyncProperty(snapshots, async (snapshot) => {
      const read = await decodeSnapshot(await encodeSnapshot(snapshot, SCOPE), SCOPE);
      expect({ ...read }).toEqual({ ...snapshot });
    }),
    { numRuns: 50 },
  );
});

test('whatever the bytes are, they are read or refused in a sentence', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), snapshots, fc.nat(), async (noise, snapshot, at) => {
      const bytes = await encodeSnapshot(snapshot, SCOPE);
      const broken = bytes.map((byte, index) => (index === at % bytes.length ? byte ^ 0xff : byte));
      for (const each of [noise, broken, gzipSync(bytes)]) {
        const refusal = await decodeSnapshot(each, SCOPE).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (refusal !== undefined) expect(refusal).toBeInstanceOf(UnusableState);
      }
    }),
    { numRuns: 50 },
  );
});

test('the state of another job is refused', async () => {
  await expect(decodeSnapshot(await encodeSnapshot(NOTHING, 'another'), SCOPE)).rejects.toThrow('is of other targets');
});

test('of two runs what is later counts, for each tag at a target and each list', () => {
  const repository = parseRepositoryName('library/nginx');
  const [one, two] = [parseTag('1'), parseTag('2')];
  const put = (name: typeof one, text: string, atMs: number) => {
    const put = digestOf(text);
    return { repository, tag: name, sourceDigest: put, targetDigest: put, checkedAt: new Date(atMs) };
  };
  const list = (unchangedBeforeMs: number) => ({ repository, tags: new Map(), unchangedBeforeMs, readAtMs: 0 });
  const ours = { ...NOTHING, known: [list(5)], copied: [[put(one, 'ours', 5), put(two, 'ours', 9)]] };
  const theirs = { ...NOTHING, known: [list(7)], copied: [[put(one, 'theirs', 7), put(two, 'theirs', 7)]] };
  const merged = mergeSnapshots(ours, theirs);
  expect(merged.known).toEqual([list(7)]);
  expect(merged.copied).toEqual([[put(one, 'theirs', 7), put(two, 'ours', 9)]]);
});
