import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { recordLog } from '../../test/support/recorded-log.ts';
import type { Config } from '../config/config.ts';
import { UsageError } from '../oci/usage-error.ts';
import { ConfigReload } from './config-reload.ts';

/** What is to happen in between has its turn. */
class YieldingClock extends FakeClock {
  override sleep(): Promise<void> {
    return nextTurn();
  }
}

/** Name and state; a read gives what is there. */
const files = new Map<string, string>();
let wanted: string[];
let applied: string[];
let kept: readonly string[];

beforeEach(() => {
  files.clear();
  files.set('wharf.yaml', 'one');
  [wanted, applied, kept] = [['wharf.yaml'], [], []];
});

function open() {
  const log = recordLog();
  const read = (onRead: (file: string) => void) =>
    wanted.map((file) => {
      onRead(file);
      return files.get(file) ?? '';
    });
  const counts = { applied: 0, refused: 0 };
  const reload = new ConfigReload({
    load(onRead) {
      const text = read(onRead).join(' ');
      if (text.includes('bad')) throw new UsageError('wharf.yaml:3:7: at listen: expected an address');
      return { hosted: [text] } as unknown as Config;
    },
    apply(config) {
      applied.push(...config.hosted);
      return Promise.resolve(kept);
    },
    files: wanted,
    counts,
    log,
    clock: new YieldingClock(),
    stampOf: (file) => files.get(file) ?? 'none',
  });
  return { reload, log, counts };
}

test('a change counts when the next look finds it still the same, and once', async () => {
  const { reload, counts } = open();
  await reload.look();
  for (const state of ['half', 'two']) {
    files.set('wharf.yaml', state);
    await reload.look();
  }
  expect(applied).toEqual([]);
  for (let count = 0; count < 3; count += 1) await reload.look();
  expect([applied, counts]).toEqual([['two'], { applied: 1, refused: 0 }]);
});

test('a configuration that is not valid is refused and said once, and the next one is tried', async () => {
  const { reload, log, counts } = open();
  files.set('wharf.yaml', 'bad');
  for (let count = 0; count < 4; count += 1) await reload.look();
  expect(log.lines).toEqual([
    ['error configuration refused', { error: 'wharf.yaml:3:7: at listen: expected an address' }],
  ]);
  files.set('wharf.yaml', 'good');
  for (let count = 0; count < 2; count += 1) await reload.look();
  expect([applied, counts]).toEqual([['good'], { applied: 1, refused: 1 }]);
});

test('files that the configuration names are watched, also those of one that was refused', async () => {
  const { reload } = open();
  wanted = ['wharf.yaml', 'secret'];
  files.set('secret', 'bad');
  await reload.reload();
  files.set('secret', 'right');
  for (let count = 0; count < 2; count += 1) await reload.look();
  files.set('secret', 'new');
  for (let count = 0; count < 2; count += 1) await reload.look();
  expect(applied).toEqual(['one right', 'one new']);
});

test('somebody may say so though nothing has changed, and what takes a restart is named', async () => {
  const { reload, log } = open();
  kept = ['listen', 'data'];
  await Promise.all([reload.reload(), reload.reload()]);
  expect(applied).toEqual(['one', 'one']);
  expect(log.lines.slice(0, 2)).toEqual([
    ['info configuration reloaded'],
    ['warn restart needed', { settings: 'listen, data' }],
  ]);
});

test('it looks until it is disposed of', async () => {
  const { reload } = open();
  files.set('wharf.yaml', 'two');
  reload.begin();
  while (applied.length === 0) await nextTurn();
  await reload[Symbol.asyncDispose]();
  expect(applied).toEqual(['two']);
});
