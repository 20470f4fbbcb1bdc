import { expect, test } from 'vitest';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { scratchFolder } from '../../../test/support/programs/scratch-folder.ts';
import { main } from '../main.ts';

const run = async (...args: readonly string[]) => {
  await using folder = await scratchFolder('state');
  const { terminal, said } = recordingTerminal(folder.path);
  const code = await main(['sync', '--images', 'nginx:1', '--state', 'target', ...args], terminal);
  return { code, err: said.err };
};

test('a job keeps its state at a registry, and not in a store that others do not reach', async () => {
  const { code, err } = await run('--to', 'store');
  expect(code).toBe(2);
  expect(err).toContain('the job images keeps its state at a target, and none of its targets is a registry');
});
