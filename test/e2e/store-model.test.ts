// Six clients do anything at once to one or two processes on one data folder, which are killed, stopped and started
// under them, beside collections of garbage. What was acknowledged stays, and every byte is right.
//
// WHARF_MODEL_SECONDS: for how long. WHARF_MODEL_SEED: the choices of an earlier run; who is quicker is not in it.
import { expect, test } from 'vitest';
import { folderOfProcesses } from '../support/store-model/folder-of-processes.ts';
import { runStoreModel } from '../support/store-model/run-store-model.ts';

const SECONDS = Number(process.env['WHARF_MODEL_SECONDS'] ?? 120);
const ROUND_SECONDS = 20;
const SEED = Number(process.env['WHARF_MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

test(
  `nothing that was acknowledged is lost, for ${SECONDS} s from the seed ${SEED} on`,
  async () => {
    const endsAt = performance.now() + SECONDS * 1000;
    for (let seed = SEED; performance.now() < endsAt; seed += 1) {
      await using folder = await folderOfProcesses();
      const roundEndsAt = Math.min(endsAt, performance.now() + ROUND_SECONDS * 1000);
      const counts = await runStoreModel({ seed, folder, isOver: () => performance.now() >= roundEndsAt });
      console.log(JSON.stringify({ seed, ...counts }));
      expect(counts.troubles).toEqual([]);
    }
  },
  SECONDS * 1000 + 120_000,
);
