import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { Target } from '../oci/repository.ts';
import { Placements, type TargetRepository } from './placements.ts';

const BLOB = digestOf('blob');

function repository(name: string): TargetRepository {
  return { name: parseRepositoryName(name), target: {} as Target, isNew: true };
}

/** Brings the blob into repositories with these names, all at once; sending fails the first so many times. */
async function placeIn(placements: Placements, names: readonly string[], failures = 0) {
  const log: string[] = [];
  let left = failures;
  const placing = names.map((name) =>
    placements.place(repository(name), BLOB, {
      async send() {
        log.push(`${name} sends`);
        await Promise.resolve();
        left -= 1;
        if (left >= 0) throw new Error(`${name} failed`);
      },
      async mount(holder) {
        log.push(`${name} mounts from ${holder.name}`);
      },
    }),
  );
  const outcomes = await Promise.allSettled(placing);
  return { log, failed: outcomes.filter(({ status }) => status === 'rejected').length };
}

test('one sends, and all others mount from it', async () => {
  const { log, failed } = await placeIn(new Placements(), ['a', 'b', 'c', 'd']);
  expect(log).toEqual(['a sends', 'b mounts from a', 'c mounts from a', 'd mounts from a']);
  expect(failed).toBe(0);
});

test('when the one that sends fails, another sends, and the rest mount from that', async () => {
  const { log, failed } = await placeIn(new Placements(), ['a', 'b', 'c', 'd'], 2);
  expect(log).toEqual(['a sends', 'b sends', 'c sends', 'd mounts from c']);
  expect(failed).toBe(2);
});

test('what has been placed is mounted later too, and in its own repository it is sent again', async () => {
  const placements = new Placements();
  await placeIn(placements, ['a']);
  expect((await placeIn(placements, ['b'])).log).toEqual(['b mounts from a']);
  expect((await placeIn(placements, ['a'])).log).toEqual(['a sends']);
});

test('what is forgotten is mounted from there no longer', async () => {
  const placements = new Placements();
  await placeIn(placements, ['a']);
  placements.forget(repository('b'), BLOB);
  expect((await placeIn(placements, ['b'])).log).toEqual(['b mounts from a']);
  placements.forget(repository('a'), BLOB);
  expect((await placeIn(placements, ['c'])).log).toEqual(['c sends']);
});

test('work for a digest is done once for each repository, and all share how it ended', async () => {
  const placements = new Placements();
  let runs = 0;
  const work = () => Promise.reject(new Error(`run ${(runs += 1)}`));
  const outcomes = await Promise.allSettled([
    placements.once(repository('a'), BLOB, work),
    placements.once(repository('a'), BLOB, work),
    placements.once(repository('b'), BLOB, work),
  ]);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message)).toEqual([
    'run 1',
    'run 1',
    'run 2',
  ]);
  placements.forget(repository('a'), BLOB);
  await expect(placements.once(repository('a'), BLOB, work)).rejects.toThrow('run 3');
});
