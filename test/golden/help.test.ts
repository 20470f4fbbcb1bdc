import { expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/main.ts';
import { recordingTerminal } from '../support/recording-terminal.ts';

const { terminal } = recordingTerminal('/home/ada');
const program = await buildProgram({
  terminal,
  signal: new AbortController().signal,
  exitWith: () => undefined,
  onHangup: () => undefined,
});

test.each(['', ...program.commands.map((command) => command.name())])(
  'the help of wharf %s is as reviewed',
  async (name) => {
    const command = name === '' ? program : program.commands.find((candidate) => candidate.name() === name);
    const help = command?.configureHelp({ helpWidth: 100 }).helpInformation() ?? '';
    await expect(help).toMatchFileSnapshot(`help/${name === '' ? 'wharf' : name}.txt`);
  },
);
