import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { recordLog } from '../../test/support/recorded-log.ts';
import { Traffic } from '../observe/traffic.ts';
import { digestOf } from '../oci/digest.ts';
import type { PullBudget } from '../remote/pull-ledger.ts';
import { UpstreamWatch } from './upstream-watch.ts';

const WINDOW_MS = 3_600_000;

function open({ remaining }: { readonly remaining?: number } = {}) {
  const clock = new FakeClock();
  const log = recordLog();
  const budgetOf = (left: number): PullBudget => ({
    limit: 100,
    remaining: left,
    windowSeconds: WINDOW_MS / 1000,
    resetsByMs: clock.now() + WINDOW_MS,
  });
  const ledger = { budget: remaining === undefined ? undefined : budgetOf(remaining) };
  const mirror: { registry: object; lie?: { digest: string; proof: string } | undefined } = {
    registry: { name: 'https://mirror.example', traffic: new Traffic() },
    lie: undefined,
  };
  const upstream = {
    name: 'docker.io',
    registry: { name: 'docker.io', traffic: new Traffic(), ledger },
    mirrors: [mirror],
  };
  const options = { upstreams: () => [upstream], log, clock } as unknown as ConstructorParameters<
    typeof UpstreamWatch
  >[0];
  const watch = new UpstreamWatch(options);
  const setRemaining = (left: number) => void (ledger.budget = budgetOf(left));
  return { clock, lines: log.lines, mirror, watch, setRemaining };
}

test('pulls are few when less than a tenth is left, and that is told once a window', () => {
  const { clock, lines, watch, setRemaining } = open({ remaining: 10 });
  watch.look();
  expect(lines).toEqual([]);
  for (const left of [9, 3, 0]) {
    setRemaining(left);
    watch.look();
  }
  const resetsBy = new Date(clock.now() + WINDOW_MS).toISOString();
  const first = ['warn pulls are few', { upstream: 'docker.io', remaining: 9, limit: 100, resetsBy }];
  expect(lines).toEqual([first]);
  clock.advance(WINDOW_MS);
  setRemaining(8);
  watch.look();
  expect(lines).toHaveLength(2);
});

test('a window that has passed has all its pulls again', () => {
  const { clock, lines, watch } = open({ remaining: 0 });
  clock.advance(WINDOW_MS);
  watch.look();
  expect(lines).toEqual([]);
});

test('an upstream that does not meter has no few pulls', () => {
  const { lines, watch } = open();
  watch.look();
  expect(lines).toEqual([]);
});

test('a lie of a mirror is told once, with its proof', () => {
  const { lines, mirror, watch } = open();
  const lie = { digest: digestOf('asked for'), proof: 'mirror.example sent something else' };
  watch.look();
  mirror.lie = lie;
  watch.look();
  watch.look();
  expect(lines).toEqual([['error mirror lied', { mirror: 'https://mirror.example', ...lie }]]);
});

test('what came last is told when it ends', async () => {
  const { lines, mirror, watch } = open();
  mirror.lie = { digest: digestOf('asked for'), proof: 'mirror.example sent something else' };
  await watch[Symbol.asyncDispose]();
  expect(lines.map(([message]) => message)).toEqual(['error mirror lied']);
});
