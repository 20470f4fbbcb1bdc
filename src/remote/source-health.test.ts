import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { SourceHealth } from './source-health.ts';

test('a request rate lets a second of requests through at once, and then one an interval', async () => {
  const clock = new FakeClock();
  const health = new SourceHealth({ clock, ratePerSecond: 10 });
  for (let request = 0; request < 30; request += 1) (await health.admit()).release();
  expect(clock.elapsedMs).toBeGreaterThanOrEqual(1900);
  expect(clock.elapsedMs).toBeLessThanOrEqual(2100);
});

test('one request a second means no two within a second', async () => {
  const clock = new FakeClock();
  const health = new SourceHealth({ clock, ratePerSecond: 1 });
  for (let request = 0; request < 5; request += 1) (await health.admit()).release();
  expect(clock.elapsedMs).toBe(4000);
});

test('nothing is sent before a Retry-After has passed', async () => {
  const clock = new FakeClock();
  const health = new SourceHealth({ clock });
  health.slowedDown(3000);
  expect(health.isBenched).toBe(true);
  (await health.admit()).release();
  expect(clock.elapsedMs).toBe(3000);
  expect(health.isBenched).toBe(false);
});

test('concurrency grows only while it is what holds the work back, and halves when the origin suffers', async () => {
  const health = new SourceHealth({ clock: new FakeClock(), maxConcurrency: 32 });
  const before = health.concurrency;
  health.succeeded();
  expect(health.concurrency).toBe(before);
  const slots = await Promise.all(Array.from({ length: before }, () => health.admit()));
  const waiting = Array.from({ length: 100 }, () => health.admit());
  for (let success = 0; success < 100; success += 1) health.succeeded();
  expect(health.concurrency).toBe(32);
  health.failed();
  expect(health.concurrency).toBe(16);
  for (const slot of slots) slot.release();
  for (const slot of waiting) (await slot).release();
});

test('an origin that fails again and again is left alone, longer each time, and a success ends that', () => {
  const clock = new FakeClock();
  const health = new SourceHealth({ clock });
  for (let failure = 0; failure < 7; failure += 1) health.failed();
  expect(health.isBenched).toBe(false);
  health.failed();
  expect(health.isBenched).toBe(true);
  clock.advance(2000);
  expect(health.isBenched).toBe(false);
  health.failed();
  clock.advance(3999);
  expect(health.isBenched).toBe(true);
  clock.advance(1);
  health.succeeded();
  health.failed();
  expect(health.isBenched).toBe(false);
});

test('many failures at once are one reason to leave it alone', () => {
  const clock = new FakeClock();
  const health = new SourceHealth({ clock });
  for (let failure = 0; failure < 64; failure += 1) health.failed();
  expect(health.pauseMs).toBe(2000);
  clock.advance(2000);
  health.failed();
  expect(health.pauseMs).toBe(4000);
});

test('whoever gives up waiting leaves the place to others', async () => {
  const health = new SourceHealth({ clock: new FakeClock(), maxConcurrency: 1 });
  const slot = await health.admit();
  const stop = new AbortController();
  const waiting = health.admit(stop.signal);
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  slot.release();
  (await health.admit()).release();
});

test('whoever waits for a body that is read elsewhere never keeps it from being fetched', async () => {
  const health = new SourceHealth({ clock: new FakeClock(), maxConcurrency: 1 });
  const transfer = await health.admit(undefined, 'transfer');
  const request = await health.admit();
  const waiting = health.admit(undefined, 'transfer');
  (await health.admit(undefined, 'continued')).release();
  transfer.release();
  (await waiting).release();
  request.release();
});

test('whoever waits for a place when a long pause begins need not sit it out', async () => {
  const health = new SourceHealth({ clock: new FakeClock(), maxConcurrency: 1 });
  const slot = await health.admit();
  const atMost = (longestMs: number) => (pauseMs: number) => {
    if (pauseMs > longestMs) throw new Error(`a pause of ${pauseMs} ms`);
  };
  const waiting = health.admit(undefined, 'request', atMost(3000));
  health.slowedDown(3_600_000);
  slot.release();
  await expect(waiting).rejects.toThrow('a pause of 3600000 ms');
  await expect(health.admit(undefined, 'request', atMost(3000))).rejects.toThrow('a pause');
  (await health.admit(undefined, 'request', atMost(3_600_000))).release();
});

test.each([-1, 1])('a clock that is set by %i day shortens no pause and lengthens none', async (days) => {
  const clock = new FakeClock();
  const health = new SourceHealth({ clock, ratePerSecond: 1 });
  (await health.admit()).release();
  health.slowedDown(3000);
  clock.set(days * 86_400_000);
  (await health.admit()).release();
  (await health.admit()).release();
  expect(clock.elapsedMs).toBe(4000);
});
