import { expect, test } from 'vitest';
import type { Clock } from '../async/clock.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Readiness } from './readiness.ts';

/** Time passes only by `advance`. */
class StillClock extends FakeClock {
  override sleep(): Promise<void> {
    return new Promise(() => undefined);
  }
}

function readinessOf(probe: () => Promise<void>, clock: Clock = new StillClock()) {
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  const log = { debug: note, info: note, warn: note, error: note };
  return { readiness: new Readiness({ probe, clock, log }), logged };
}

test('it is ready when the probe succeeds, and else says in its words why not', async () => {
  const well = readinessOf(async () => undefined);
  expect(await well.readiness.whyNot()).toBeUndefined();
  expect(well.logged).toEqual([]);
  const ill = readinessOf(() => Promise.reject(new Error('the disk is full')));
  expect(await ill.readiness.whyNot()).toBe('the disk is full');
});

test('from the moment of a stop on it is not ready, also for whoever asked before', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { readiness } = readinessOf(() => promise);
  const asked = readiness.whyNot();
  readiness.stop();
  resolve();
  expect([await asked, await readiness.whyNot()]).toEqual(['the server is stopping', 'the server is stopping']);
});

test('a probe that does not end is not waited for, and has no second beside it', async () => {
  let probes = 0;
  const clock = new FakeClock();
  const { readiness } = readinessOf(() => {
    probes += 1;
    return new Promise(() => undefined);
  }, clock);
  expect(await readiness.whyNot()).toBe('the store did not answer within 5 s');
  clock.advance(60_000);
  expect(await readiness.whyNot()).toBe('the store did not answer within 5 s');
  expect(probes).toBe(1);
});

test('who asks again within a second gets the same answer, and the log tells of changes only', async () => {
  const clock = new StillClock();
  let failure: Error | undefined = new Error('the disk is full');
  const { readiness, logged } = readinessOf(async () => {
    if (failure !== undefined) throw failure;
  }, clock);
  await readiness.whyNot();
  failure = undefined;
  expect(await readiness.whyNot()).toBe('the disk is full');
  clock.advance(1000);
  expect(await readiness.whyNot()).toBeUndefined();
  clock.advance(1000);
  await readiness.whyNot();
  expect(logged).toEqual(['not ready', 'ready again']);
});
