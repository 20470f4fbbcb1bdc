import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Patience } from './patience.ts';

/** Time in which nobody answers: every wait is waited to its end. */
class Waited extends FakeClock {
  readonly waits: number[] = [];

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    // Who answers at once is faster than any wait.
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    this.waits.push(ms);
    this.advance(ms);
  }
}

const never = () => new Promise<string>(() => undefined);

test('who has let one wait in vain lets others wait for a moment only, until he answers', async () => {
  const clock = new Waited();
  const patience = new Patience(clock);
  await expect(patience.wait('docker.io', never())).rejects.toMatchObject({ kind: 'silent' });
  await expect(patience.wait('docker.io', never())).rejects.toMatchObject({ kind: 'silent' });
  await expect(patience.wait('ghcr.io', never())).rejects.toMatchObject({ kind: 'silent' });
  expect(clock.waits).toEqual([3_000, 100, 3_000]);
  expect(await patience.wait('docker.io', Promise.resolve('new'))).toBe('new');
  await expect(patience.wait('docker.io', never())).rejects.toThrow();
  expect(clock.waits.at(-1)).toBe(3_000);
});

test('nobody is taken to be silent for long', async () => {
  const clock = new Waited();
  const patience = new Patience(clock);
  await patience.wait('docker.io', never()).catch(() => undefined);
  clock.advance(30_000);
  await patience.wait('docker.io', never()).catch(() => undefined);
  expect(clock.waits).toEqual([3_000, 3_000]);
});
