import { expect, test } from 'vitest';
import { SendError, type SendRequest } from '../remote/send.ts';
import { fetchSend } from './fetch-send.ts';
import { Subrequests } from './subrequests.ts';

type Fetch = typeof globalThis.fetch;

const LONG_MS = 60_000;

function request(changes: Partial<SendRequest> = {}): SendRequest {
  const url = new URL('https://registry.test/v2/');
  const times = { headersTimeoutMs: LONG_MS, idleTimeoutMs: LONG_MS };
  return { method: 'GET', url, headers: {}, reach: 'configured', ...times, ...changes };
}

function sendBy(fetch: Fetch, subrequests = new Subrequests(50)) {
  return fetchSend({ subrequests, fetch });
}

/** Never answers, unless its request is ended. */
const silent: Fetch = (_, init) =>
  new Promise((_resolve, reject) => {
    init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
  });

/** Begins an answer, and says no more. */
const stuck: Fetch = async (_, init) => {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2, 3]));
      init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
    },
  });
  return new Response(body);
};

test('it follows no redirect, and asks past the cache of the platform', async () => {
  let seen: RequestInit | undefined;
  const send = sendBy(async (_, init) => {
    seen = init;
    return new Response(null, { status: 307, headers: { location: 'https://cdn.test/' } });
  });
  const answer = await send(request({ headers: { authorization: 'Bearer x' } }));
  expect(answer.status).toBe(307);
  expect(answer.headers.get('location')).toBe('https://cdn.test/');
  expect(seen).toMatchObject({ redirect: 'manual', cache: 'no-store', headers: { authorization: 'Bearer x' } });
});

test('an upstream that says nothing is given up after a while', async () => {
  const sending = sendBy(silent)(request({ headersTimeoutMs: 1 }));
  await expect(sending).rejects.toMatchObject({ failure: 'TIMEOUT' });
});

test('so is one that stops in the middle', async () => {
  const answer = await sendBy(stuck)(request({ idleTimeoutMs: 1 }));
  await expect(answer.body.bytes(1000)).rejects.toMatchObject({ failure: 'TIMEOUT' });
});

test('what is read whole has a bound', async () => {
  const answer = await sendBy(async () => new Response('x'.repeat(1000)))(request());
  await expect(answer.body.bytes(999)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
});

test('who does not want it any more ends it, before and after the answer has begun', async () => {
  const reason = new Error('gone');
  const before = new AbortController();
  const sending = sendBy(silent)(request({ signal: before.signal }));
  before.abort(reason);
  await expect(sending).rejects.toBe(reason);
  const after = new AbortController();
  const answer = await sendBy(stuck)(request({ signal: after.signal }));
  const reading = answer.body.bytes(1000);
  after.abort(reason);
  await expect(reading).rejects.toBe(reason);
});

test('a body that is passed on is the very one that came', async () => {
  const body = new ReadableStream<Uint8Array>();
  const response = new Response(body);
  const answer = await sendBy(async () => response)(request({ isPassedOn: true }));
  expect(answer.body.stream()).toBe(response.body);
});

test.each([
  ['configured', 'http://169.254.169.254/'],
  ['configured', 'http://[fd00:ec2::254]/'],
  ['public', 'http://127.0.0.1:8080/'],
  ['public', 'http://[::ffff:10.0.0.1]/'],
  ['public', 'http://localhost/'],
  ['public', 'http://metadata.google.internal/'],
] as const)('of %s addresses, %s is not asked', async (reach, address) => {
  const subrequests = new Subrequests(50);
  const send = sendBy(silent, subrequests);
  const sending = send(request({ reach, url: new URL(address) }));
  await expect(sending).rejects.toMatchObject({ failure: 'FORBIDDEN_ADDRESS' });
  expect(subrequests.taken).toBe(0);
});

test.each([
  ['configured', 'http://127.0.0.1:8080/'],
  ['public', 'http://198.18.0.1/'],
  ['public', 'https://localhost.example.com/'],
] as const)('of %s addresses, %s is', async (reach, address) => {
  const send = sendBy(async () => new Response('x'));
  expect((await send(request({ reach, url: new URL(address) }))).status).toBe(200);
});

test('past its limit it sends nothing', async () => {
  let count = 0;
  const send = sendBy(async () => {
    count += 1;
    return new Response('x');
  }, new Subrequests(2));
  for (let sent = 0; sent < 2; sent += 1) await (await send(request())).body.discard();
  await expect(send(request())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(count).toBe(2);
});

test.each([
  ['Network connection lost.', 'CONNECTION_LOST'],
  ['connect ECONNREFUSED: connection refused', 'CONNECTION_REFUSED'],
  ['DNS lookup failed.', 'NAME_RESOLUTION'],
  ['TLS peer certificate is not trusted', 'TLS'],
  ['The connection timed out', 'TIMEOUT'],
])('"%s" is %s', async (message, failure) => {
  const sending = sendBy(() => Promise.reject(new Error(message)))(request());
  await expect(sending).rejects.toSatisfy((error: unknown) => error instanceof SendError && error.failure === failure);
});
