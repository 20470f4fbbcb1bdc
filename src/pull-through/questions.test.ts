import { expect, test } from 'vitest';
import { HeldClock } from '../../test/support/cache/held-clock.ts';
import { OciError } from '../oci/errors.ts';
import { Questions } from './questions.ts';
import { UpstreamFailure } from './upstream-failure.ts';

function setUp() {
  const clock = new HeldClock();
  return { clock, questions: new Questions<string>({ clock }) };
}

function never(signal: AbortSignal): Promise<string> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

test('all who ask meanwhile get the one answer, and the next is asked for anew', async () => {
  const { questions } = setUp();
  let asked = 0;
  const ask = async () => `answer ${(asked += 1)}`;
  expect(await Promise.all([questions.ask('a', ask), questions.ask('a', ask), questions.ask('b', ask)])).toEqual([
    'answer 1',
    'answer 1',
    'answer 2',
  ]);
  expect(await questions.ask('a', ask)).toBe('answer 3');
});

test('who gives no answer in time is silent, and the question ends', async () => {
  const { clock, questions } = setUp();
  let ended = false;
  const asking = questions.ask('a', async (signal) => {
    signal.addEventListener('abort', () => {
      ended = true;
    });
    return await never(signal);
  });
  const failure = asking.catch((error: unknown) => error);
  await clock.pass(24_500);
  expect(ended).toBe(false);
  await clock.pass(500);
  expect(await failure).toMatchObject({ kind: 'silent', message: expect.stringContaining('25 s') });
  expect(ended).toBe(true);
});

test.each([
  ['what there is not', new OciError('MANIFEST_UNKNOWN'), 10_000],
  ['that we are refused', new OciError('DENIED'), 10_000],
  ['trouble', new UpstreamFailure('broken', 'it broke', {}), 5_000],
])('%s is remembered for a while', async (_, error, forMs) => {
  const { clock, questions } = setUp();
  let asked = 0;
  const ask = () => {
    asked += 1;
    return Promise.reject<string>(error);
  };
  await expect(questions.ask('a', ask)).rejects.toBe(error);
  clock.advance(forMs - 1);
  await expect(questions.ask('a', ask)).rejects.toBe(error);
  expect(asked).toBe(1);
  clock.advance(1);
  await expect(questions.ask('a', ask)).rejects.toBe(error);
  expect(asked).toBe(2);
});

test('a failure is forgotten on request, and is that of its own key', async () => {
  const { questions } = setUp();
  await expect(questions.ask('a', () => Promise.reject(new OciError('DENIED')))).rejects.toThrow();
  expect(await questions.ask('b', () => Promise.resolve('b'))).toBe('b');
  questions.forget('a');
  expect(await questions.ask('a', () => Promise.resolve('a'))).toBe('a');
});
