// Whatever comes, in whatever pieces, whoever reads it how fast, and wherever it breaks off.
import * as fc from 'fast-check';
import { test } from 'vitest';
import { type FillAttempt, FillingRun } from '../../../test/support/content/filling-run.ts';
import { fillingWorld } from '../../../test/support/content/filling-world.ts';

const attempts: fc.Arbitrary<FillAttempt[]> = fc.array(
  fc.record({
    chunks: fc.array(fc.nat(12), { maxLength: 6 }),
    ending: fc.constantFrom('whole', 'break', 'short'),
    corrupt: fc.option(fc.nat(40), { nil: undefined }),
    mayGoOn: fc.boolean(),
    isFromAuthority: fc.boolean(),
    readers: fc.array(
      fc.record({
        isElsewhere: fc.boolean(),
        isCautious: fc.boolean(),
        beginsAtChunk: fc.nat(6),
        turnsABlock: fc.nat(4),
        leavesAt: fc.option(fc.nat(40), { nil: undefined }),
      }),
      { maxLength: 4 },
    ),
  }),
  { minLength: 1, maxLength: 4 },
);
const blobs = fc.uint8Array({ maxLength: 40 });

test('who gets all of a blob gets what hashes to its digest, and it is kept if and only if it did', async () => {
  await fc.assert(
    fc.asyncProperty(blobs, attempts, async (bytes, all) => {
      await using world = await fillingWorld();
      const run = new FillingRun(world, bytes);
      for (const attempt of all) await run.attempt(attempt);
      await run.expectWell();
    }),
    { numRuns: 150 },
  );
});
