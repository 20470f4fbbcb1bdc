import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Reply, scriptedSend } from '../../test/support/client/scripted-send.ts';
import { Traffic } from '../observe/traffic.ts';
import { Network } from './network.ts';
import type { Exchange } from './origin.ts';
import { SendError, type SendRequest, type SendResponse } from './send.ts';

const URL_OF_IT = new URL('https://registry.example.com/v2/');

/** An origin that gives these answers, one a request, and the last of them from then on. */
function originWith(...answers: readonly (Reply | Error | ((request: SendRequest) => Reply | Promise<Reply>))[]) {
  const clock = new FakeClock();
  const traffic = new Traffic();
  const sentAtMs: number[] = [];
  const { send, requests } = scriptedSend((request) => {
    const answer = answers[Math.min(sentAtMs.length, answers.length - 1)] ?? { status: 200 };
    sentAtMs.push(clock.elapsedMs);
    if (answer instanceof Error) throw answer;
    return typeof answer === 'function' ? answer(request) : answer;
  });
  const origin = new Network({ send, clock }).origin(URL_OF_IT);
  const ask = (more: Partial<Exchange> = {}) =>
    origin.exchange({
      method: 'GET',
      url: URL_OF_IT,
      headers: {},
      kind: 'manifestGet',
      what: 'the manifest of team/app:1',
      traffic,
      reach: 'configured',
      ...more,
    });
  return { origin, ask, clock, traffic, requests, sentAtMs };
}

async function read(response: SendResponse): Promise<string> {
  return new TextDecoder().decode(await response.body.bytes(1000));
}

const BUSY: Reply = { status: 503 };
const GOOD: Reply = { status: 200, body: 'hello' };
const lost = () => new SendError('CONNECTION_LOST', 'broke the connection');

/** A body that breaks off after its first part. */
function breakingOff(): Reply {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from('hel')),
    pull: (controller) => controller.error(lost()),
  });
  return { status: 200, body };
}

describe('what failed for a moment', () => {
  test.each([
    ['503', BUSY],
    ['500', { status: 500 }],
    ['408', { status: 408 }],
    ['a lost connection', lost()],
    ['no answer in time', new SendError('TIMEOUT', 'did not answer in time')],
  ])('is asked for again: %s', async (_, failure) => {
    const { ask, requests } = originWith(failure, GOOD);
    expect(await read(await ask())).toBe('hello');
    expect(requests).toHaveLength(2);
  });

  test('is asked for again after pauses that double, six times in all', async () => {
    const { ask, sentAtMs, traffic } = originWith(BUSY);
    await expect(ask()).rejects.toMatchObject({
      code: 'SERVER_ERROR',
      status: 503,
      message: 'registry.example.com answered 503 for the manifest of team/app:1',
    });
    const pauses = sentAtMs.slice(1).map((at, index) => at - (sentAtMs[index] ?? 0));
    expect(pauses).toEqual([188, 375, 750, 1500, 3000]);
    expect(traffic.requests('manifestGet')).toBe(6);
  });

  test('is asked for three times only at a host that never answered', async () => {
    const { ask, requests } = originWith(new SendError('NAME_RESOLUTION', 'is not known by that name'));
    await expect(ask()).rejects.toMatchObject({
      code: 'NAME_RESOLUTION',
      message: 'registry.example.com is not known by that name (the manifest of team/app:1)',
    });
    expect(requests).toHaveLength(3);
  });

  test.each([
    ['TLS', 'shows a certificate that this machine does not trust'],
    ['FORBIDDEN_ADDRESS', 'leads to 127.0.0.1, an internal address that nothing from outside may name'],
  ] as const)('is not asked for again where that cannot help: %s', async (failure, words) => {
    const { ask, requests } = originWith(new SendError(failure, words));
    await expect(ask()).rejects.toMatchObject({ code: failure });
    expect(requests).toHaveLength(1);
  });

  test.each([400, 403, 404, 405, 413, 416])('is not what %i means: the caller gets the answer', async (status) => {
    const { ask, requests } = originWith({ status });
    const response = await ask();
    await response.body.discard();
    expect([response.status, requests.length]).toEqual([status, 1]);
  });

  test('is not sent again here when its body is a stream', async () => {
    const { ask, requests } = originWith(BUSY, GOOD);
    const body = ReadableStream.from<Uint8Array>([Buffer.from('x')]);
    await expect(ask({ method: 'PUT', body, sizeBytes: 1 })).rejects.toMatchObject({ status: 503 });
    expect(requests).toHaveLength(1);
  });

  test('is an error of our own program when it is none of the network: that is not hidden', async () => {
    const { ask, requests } = originWith(new TypeError('a bug'));
    await expect(ask()).rejects.toThrow(TypeError);
    expect(requests).toHaveLength(1);
  });
});

describe('a body that is read whole', () => {
  test('and breaks off is asked for again', async () => {
    const { ask, requests } = originWith(() => breakingOff(), GOOD);
    expect(await read(await ask({ maxBodyBytes: 100 }))).toBe('hello');
    expect(requests).toHaveLength(2);
  });

  test('and breaks off again and again fails with a sentence, and leaves room for others', async () => {
    const { ask, requests } = originWith(...Array.from({ length: 60 }, () => () => breakingOff()), GOOD);
    for (let round = 0; round < 10; round += 1) {
      await expect(ask({ maxBodyBytes: 100 })).rejects.toMatchObject({
        code: 'CONNECTION_LOST',
        message: 'registry.example.com broke the connection (the manifest of team/app:1)',
      });
    }
    expect(requests).toHaveLength(60);
    expect(await read(await ask({ maxBodyBytes: 100 }))).toBe('hello');
  });

  test('and is too long is not asked for again', async () => {
    const { ask, requests } = originWith({ status: 200, body: 'x'.repeat(101) });
    await expect(ask({ maxBodyBytes: 100 })).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: 'registry.example.com sent more than 100 bytes for the manifest of team/app:1',
    });
    expect(requests).toHaveLength(1);
  });
});

describe('Retry-After', () => {
  test.each([
    ['of a 503', { status: 503, headers: { 'retry-after': '7' } }],
    ['of a 429', { status: 429, headers: { 'retry-after': '7' } }],
    ['as a date', { status: 503, headers: { 'retry-after': 'Mon, 23 Nov 2026 10:00:07 GMT' } }],
  ])('%s is kept', async (_, busy) => {
    const { ask, sentAtMs } = originWith(busy, GOOD);
    await read(await ask());
    expect(sentAtMs[1]).toBeGreaterThanOrEqual(7000);
    expect(sentAtMs[1]).toBeLessThan(9000);
  });

  test('holds back everything that is asked there, not only what was refused', async () => {
    const { ask, sentAtMs } = originWith({ status: 503, headers: { 'retry-after': '60' } }, GOOD);
    const refused = ask();
    await refused.then((response) => response.body.discard());
    await ask().then((response) => response.body.discard());
    expect(sentAtMs.slice(1).every((at) => at >= 60_000)).toBe(true);
  });

  test('of more than a quarter of an hour fails at once with a sentence', async () => {
    const { ask, clock, requests } = originWith({ status: 503, headers: { 'retry-after': '1000' } });
    await expect(ask()).rejects.toMatchObject({ status: 503 });
    expect([clock.elapsedMs, requests.length]).toEqual([0, 1]);
  });

  test('is not waited for by those who know another way', async () => {
    const { ask, clock, requests } = originWith({ status: 503, headers: { 'retry-after': '60' } });
    await expect(ask({ longestPauseMs: 3000 })).rejects.toMatchObject({ status: 503 });
    await expect(ask({ longestPauseMs: 3000 })).rejects.toMatchObject({
      code: 'RATE_LIMIT',
      message: 'registry.example.com asked us to wait, so the manifest of team/app:1 is not asked for',
    });
    expect([clock.elapsedMs, requests.length]).toEqual([0, 1]);
  });
});

describe('a 429 in plain text', () => {
  const SLOWER: Reply = { status: 429, headers: { 'content-type': 'text/plain' }, body: 'Too Many Requests (HAP429)' };

  test('is waited out, and asked again', async () => {
    const { ask, sentAtMs } = originWith(SLOWER, SLOWER, GOOD);
    expect(await read(await ask())).toBe('hello');
    expect(sentAtMs).toHaveLength(3);
    expect(sentAtMs[2]).toBeGreaterThanOrEqual(10_000);
  });

  test('halves the requests at once', async () => {
    const { ask, origin } = originWith(SLOWER, GOOD);
    const before = origin.health.concurrency;
    await read(await ask());
    expect(origin.health.concurrency).toBe(before / 2);
  });

  test('that does not end is an error that quotes it', async () => {
    const { ask, requests } = originWith(SLOWER);
    await expect(ask()).rejects.toMatchObject({
      code: 'RATE_LIMIT',
      message:
        'registry.example.com answered 429, too many requests, for the manifest of team/app:1: "Too Many Requests (HAP429)"',
    });
    expect(requests).toHaveLength(6);
  });
});

describe('a place among the concurrent requests', () => {
  test('is held until the body has been read, discarded or cancelled', async () => {
    const { ask, requests, origin } = originWith(GOOD);
    const limit = origin.health.concurrency;
    const held = await Promise.all(Array.from({ length: limit }, () => ask()));
    const late = [ask(), ask(), ask()];
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    expect(requests).toHaveLength(limit);
    await held[0]?.body.discard();
    await held[1]?.body.bytes(100);
    await held[2]?.body.stream().cancel();
    for (const response of await Promise.all(late)) await response.body.discard();
    expect(requests).toHaveLength(limit + 3);
    for (const response of held.slice(3)) await response.body.discard();
  });

  test('is given back when the signal aborts while one waits for it', async () => {
    const { ask, origin } = originWith(GOOD);
    const held = await Promise.all(Array.from({ length: origin.health.concurrency }, () => ask()));
    const stop = new AbortController();
    const waiting = ask({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    for (const response of held) await response.body.discard();
    await read(await ask());
  });

  test('is given back by a request that failed', async () => {
    const { ask } = originWith(...Array.from({ length: 100 }, () => ({ status: 404 })));
    for (let round = 0; round < 50; round += 1) await (await ask()).body.discard();
    const failing = originWith(lost());
    for (let round = 0; round < 50; round += 1)
      await expect(failing.ask()).rejects.toThrow(/broke the connection|nothing but fail/);
  });
});

describe('what a server says', () => {
  test('in an error never brings control characters, lines or escapes into our messages', async () => {
    const said = 'no\u001b[31m\u0007\r\n\u009b2J\u202e\u2028good\u0000';
    const body = JSON.stringify({ errors: [{ code: 'UNKNOWN', message: said }] });
    const { ask } = originWith({ status: 500, body });
    const failure = await ask().catch((error: unknown) => error as Error);
    expect((failure as Error).message).toBe(
      'registry.example.com answered 500 for the manifest of team/app:1: "no [31m 2J good"',
    );
  });

  test('at length is cut', async () => {
    const { ask } = originWith({ status: 500, body: 'x'.repeat(60_000) });
    const failure = await ask().catch((error: unknown) => error as Error);
    expect((failure as Error).message.length).toBeLessThan(300);
  });

  test('as a web page is left out', async () => {
    const { ask } = originWith({ status: 502, body: '<html><h1>Bad Gateway</h1></html>' });
    await expect(ask()).rejects.toThrow(/^registry\.example\.com answered 502 for the manifest of team\/app:1$/);
  });
});

test('a full disk at the registry is said so, and not asked about again', async () => {
  const body = JSON.stringify({ errors: [{ code: 'UNKNOWN', message: 'write /data: no space left on device' }] });
  for (const answer of [{ status: 500, body }, { status: 507 }]) {
    const { ask, requests } = originWith(answer);
    await expect(ask()).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(requests).toHaveLength(1);
  }
});

describe('an origin that does nothing but fail', () => {
  /** Asks again and again, and gives the code of each failure with the time at which it came. */
  async function askFor(minutes: number, { ask, clock }: ReturnType<typeof originWith>) {
    const codes: string[] = [];
    while (clock.elapsedMs < minutes * 60_000) {
      const code: unknown = await ask().then(
        async (response) => {
          await response.body.discard();
          return 'answered';
        },
        (error: { code: unknown }) => error.code,
      );
      codes.push(String(code));
      clock.advance(1000);
    }
    return codes;
  }

  test('is waited for, and after five minutes no more, but asked once a minute', async () => {
    const origin = originWith(GOOD, BUSY);
    await read(await origin.ask());
    const codes = await askFor(20, origin);
    expect(new Set(codes)).toEqual(new Set(['SERVER_ERROR', 'DOWN']));
    const firstMinutes = origin.sentAtMs.filter((at) => at < 6 * 60_000);
    expect(codes.filter((code) => code === 'SERVER_ERROR').length).toBeLessThan(firstMinutes.length);
    expect(origin.sentAtMs.length - firstMinutes.length).toBeLessThanOrEqual(15);
    expect(codes.filter((code) => code === 'DOWN').length).toBeGreaterThan(12 * 60);
  });

  test('is asked as before when it is up again', async () => {
    const origin = originWith(...Array.from({ length: 30 }, () => BUSY), GOOD);
    const codes = await askFor(30, origin);
    expect(codes.indexOf('answered')).toBe(codes.lastIndexOf('DOWN') + 1);
  });
});

test('who waits for a place when a server asks for an hour is told, and does not wait', async () => {
  const { ask, clock } = originWith({ status: 429, headers: { 'retry-after': '3600' } });
  const asked = Array.from({ length: 30 }, () => ask());
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes).toEqual(
    asked.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code: 'RATE_LIMIT' }) })),
  );
  expect(clock.elapsedMs).toBe(0);
});

test('something small is not waited for as long where others can answer as well', async () => {
  const { ask, requests } = originWith(GOOD);
  for (const more of [{ maxBodyBytes: 10 }, { maxBodyBytes: 10, longestPauseMs: 3000 }, { longestPauseMs: 3000 }]) {
    await read(await ask(more));
  }
  expect(requests.map(({ headersTimeoutMs }) => headersTimeoutMs)).toEqual([30_000, 5_000, 30_000]);
});
