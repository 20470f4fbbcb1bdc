import { Command } from '@commander-js/extra-typings';
import { expect, test } from 'vitest';
import { addJobFlags, addSelection } from './sync-flags.ts';

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
