// The store under everything at once, in this process. test/e2e/store-model.test.ts does it with processes.
import { expect, test } from 'vitest';
import { folderHere } from './folder-here.ts';
import { runStoreModel } from './run-store-model.ts';

const ACTIONS = 100;

test.each([1, 2, 3, 4])(
  'nothing that was acknowledged is lost, whatever ends in its middle (seed %i)',
  async (seed) => {
    await using folder = await folderHere();
    const { troubles } = await runStoreModel({ seed, folder, isOver: (actions) => actions >= ACTIONS });
    expect(troubles).toEqual([]);
  },
  60_000,
);
