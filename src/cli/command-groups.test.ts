import { Command } from '@commander-js/extra-typings';
import { expect, test } from 'vitest';
import { recordingTerminal } from '../../test/support/recording-terminal.ts';
import { COMMAND_GROUPS, groupsFor } from './command-groups.ts';

const modules = COMMAND_GROUPS.flatMap((group) => group.modules);

test.each(modules)('the module of $names adds just these', async ({ names, load }) => {
  const program = new Command();
  const { terminal } = recordingTerminal('/home/ada');
  const { signal } = new AbortController();
  (await load())(program, { terminal, signal, exitWith: () => undefined, onHangup: () => undefined });
  expect(program.commands.flatMap((command) => [command.name(), ...command.aliases()])).toEqual(names);
});

test('a command is loaded by itself, and for all else all of them are', () => {
  expect(groupsFor('plan').flatMap((group) => group.modules)).toEqual([modules[0]]);
  expect(groupsFor('--version')).toEqual([]);
  for (const called of [undefined, '--help', 'help', 'synk', 'completion'])
    expect(groupsFor(called)).toBe(COMMAND_GROUPS);
});
