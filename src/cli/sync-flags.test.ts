import { Command } from '@commander-js/extra-typings';
import { expect, test } from 'vitest';
import { addJobFlags, addSelection, stateFromFlags } from './sync-flags.ts';

function flagsOf(...args: readonly string[]) {
  return addJobFlags(new Command()).parse(args, { from: 'user' }).opts();
}

test('what earlier runs remember is believed, and all of the catalog is meant, unless flags say otherwise', () => {
  expect(flagsOf()).toEqual({});
  expect(flagsOf('--full', '--check-target', '--since', '7d')).toEqual({ full: true, checkTarget: true, since: '7d' });
});

test('--since chooses of a catalog wherever images are chosen', () => {
  expect(addSelection(new Command()).parse(['--since', 'v1'], { from: 'user' }).opts()).toEqual({ since: 'v1' });
});

test('what was done is remembered in the data folder or at the target, and nowhere else', () => {
  expect(stateFromFlags(flagsOf())).toBeUndefined();
  expect(stateFromFlags(flagsOf('--state', 'target'))).toBe('target');
  expect(() => stateFromFlags(flagsOf('--state', 'cloud'))).toThrow('--state cloud is no place to remember things');
});
