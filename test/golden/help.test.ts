import { expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/main.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

const terminal: Terminal = {
  env: {},
  homeFolder: '/home/ada',
  workingFolder: '/home/ada',
  isInteractive: false,
  out: () => undefined,
  err: () => undefined,
  readInput: () => Promise.resolve(''),
  ask: () => Promise.resolve(''),
};
const program = buildProgram({ terminal, signal: new AbortController().signal, exitWith: () => undefined });

test.each(['', ...program.commands.map((command) => command.name())])(
  'the help of wharf %s is as reviewed',
  async (name) => {
    const command = name === '' ? program : program.commands.find((candidate) => candidate.name() === name);
    const help = command?.configureHelp({ helpWidth: 100 }).helpInformation() ?? '';
    await expect(help).toMatchFileSnapshot(`help/${name === '' ? 'wharf' : name}.txt`);
  },
);
