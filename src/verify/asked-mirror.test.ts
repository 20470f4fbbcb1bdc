import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { AskedMirror } from './asked-mirror.ts';

/** Deadlines are over when the test says so. */
class HandClock extends FakeClock {
  readonly waits: { readonly ms: number; readonly end: () => void }[] = [];

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waits.push({ ms, end: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }
}

const hangs = ({ signal }: { readonly signal?: AbortSignal | undefined }) =>
  new Promise<never>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
const answers = () => Promise.resolve('yes');
const fails = () => Promise.reject(new RemoteError('m', 'SERVER_ERROR', 'answered 503', { status: 503 }));
const lacks = () => Promise.reject(new RemoteError('m', 'MANIFEST_UNKNOWN', 'has it not', { status: 404 }));

function open(signal?: AbortSignal) {
  const clock = new HandClock();
  const givenUp: string[] = [];
  const asked = new AskedMirror({ name: 'm', clock, signal, onGivenUp: (reason) => givenUp.push(reason) });
  return { asked, clock, givenUp };
}

test('a question that is not answered in time is given up, sooner as long as nothing was answered', async () => {
  const { asked, clock } = open();
  const first = asked.ask(hangs);
  await expect.poll(() => clock.waits.length).toBe(1);
  clock.waits[0]?.end();
  expect(await first).toEqual({ failure: { finding: 'unreachable', detail: 'm gave no answer within 15 s' } });
  await asked.ask(answers);
  await asked.ask(answers, 90_000);
  expect(clock.waits.map(({ ms }) => ms)).toEqual([15_000, 15_000, 150_000]);
});

test('one question at a time is asked before the first answer, and many at once after it', async () => {
  const { asked, clock } = open();
  let running = 0;
  let most = 0;
  const release = Promise.withResolvers<void>();
  const waits = async () => {
    running += 1;
    most = Math.max(most, running);
    await release.promise;
    running -= 1;
  };
  const all = Array.from({ length: 40 }, () => asked.ask(waits));
  await expect.poll(() => clock.waits.length).toBe(1);
  expect(most).toBe(1);
  release.resolve();
  await Promise.all(all);
  const again = Promise.withResolvers<void>();
  most = 0;
  const later = Array.from({ length: 40 }, () =>
    asked.ask(async () => {
      running += 1;
      most = Math.max(most, running);
      await again.promise;
    }),
  );
  await expect.poll(() => most).toBe(16);
  again.resolve();
  await Promise.all(later);
});

test('three failures in a row are the end, and an answer between them is not', async () => {
  const { asked, givenUp } = open();
  for (const question of [fails, fails, answers, fails, fails, lacks, fails, fails]) await asked.ask(question);
  expect(givenUp).toEqual([]);
  await asked.ask(fails);
  expect(givenUp).toEqual(['m answered 503']);
  let isAsked = false;
  const answer = await asked.ask(() => {
    isAsked = true;
    return answers();
  });
  expect(isAsked).toBe(false);
  expect(answer).toEqual({
    failure: { finding: 'unreachable', detail: 'not asked, after 3 failures in a row: m answered 503' },
  });
});

test('who stops a run is not told of a mirror that failed', async () => {
  const stop = new AbortController();
  const { asked, clock } = open(stop.signal);
  const answer = asked.ask(hangs);
  await expect.poll(() => clock.waits.length).toBe(1);
  stop.abort(new Error('stopped'));
  await expect(answer).rejects.toThrow('stopped');
});
