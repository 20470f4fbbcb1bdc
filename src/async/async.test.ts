import { expect, test } from 'vitest';
import { forEach } from './for-each.ts';
import { onAbort } from './on-abort.ts';
import { Semaphore } from './semaphore.ts';
import { SingleFlight } from './single-flight.ts';

test('work on many items keeps to its concurrency, and each is done once', async () => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  await forEach([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    seen.push(item);
    running -= 1;
  });
  expect(most).toBe(3);
  expect(seen.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('a failure stops new work, waits for what runs, and is the one that is thrown', async () => {
  const done: number[] = [];
  const work = forEach([1, 2, 3, 4], 2, async (item) => {
    for (let turn = 0; turn < 10 * item; turn += 1) await Promise.resolve();
    if (item === 1) throw new Error('first');
    done.push(item);
  });
  await expect(work).rejects.toThrow('first');
  expect(done).toEqual([2]);
});

test('a semaphore admits in order, and a raised limit admits at once', async () => {
  const semaphore = new Semaphore(1);
  const first = await semaphore.acquire();
  const order: string[] = [];
  const second = semaphore.acquire().then((slot) => (order.push('second'), slot));
  const third = semaphore.acquire().then((slot) => (order.push('third'), slot));
  expect(semaphore.isSaturated).toBe(true);
  semaphore.limit = 2;
  await second;
  expect(order).toEqual(['second']);
  first.release();
  first.release();
  await third;
  expect(order).toEqual(['second', 'third']);
  expect(semaphore.isSaturated).toBe(false);
});

test('who asks while the work runs shares its outcome, and who asks later starts it anew', async () => {
  const flights = new SingleFlight<string, number>();
  let runs = 0;
  const work = async () => {
    runs += 1;
    return await Promise.resolve(runs);
  };
  expect(await Promise.all([flights.run('a', work), flights.run('a', work), flights.run('b', work)])).toEqual([
    1, 1, 2,
  ]);
  expect(await flights.run('a', work)).toBe(3);
});

test('all who wait on one signal are told once when it aborts, but not who has left or came too late', () => {
  const stop = new AbortController();
  const told: string[] = [];
  onAbort(stop.signal, () => told.push('first'));
  const leave = onAbort(stop.signal, () => told.push('left'));
  onAbort(stop.signal, () => told.push('last'));
  leave();
  stop.abort();
  onAbort(stop.signal, () => told.push('late'));
  expect(told).toEqual(['first', 'last']);
});

test('who waits for a place gives up with the reason of the signal, and others move up', async () => {
  const semaphore = new Semaphore(1);
  const first = await semaphore.acquire();
  const stop = new AbortController();
  const second = semaphore.acquire(stop.signal);
  const third = semaphore.acquire();
  stop.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  first.release();
  (await third).release();
  await expect(semaphore.acquire(stop.signal)).rejects.toThrow('enough');
});
