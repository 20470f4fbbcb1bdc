import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type RecordedLog, recordLog } from '../../test/support/recorded-log.ts';
import type { WebhookConfig } from '../config/config.ts';
import type { EndedRun } from './ended-run.ts';
import { notificationsOf } from './notification.ts';
import { Notifier } from './notifier.ts';
import { UndiciSend } from './undici-send.ts';

const SECRET = 'a secret of ours';
const RUN: EndedRun = {
  job: 'library',
  reason: 'schedule',
  startedAtMs: Date.parse('2026-11-23T10:00:00Z'),
  endedAtMs: Date.parse('2026-11-23T10:01:00Z'),
  outcome: 'failed',
  account: { exitCode: 1, failures: [{ reference: 'docker.io/library/x:1', code: 'DENIED', message: 'denied' }] },
  lies: [],
};

/** Deadlines pass only when somebody lets them; pauses at once. */
class WebhookClock extends FakeClock {
  readonly deadlines: (() => void)[] = [];
  readonly pauses: number[] = [];

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms === 10_000) return new Promise((resolve) => void this.deadlines.push(resolve));
    this.pauses.push(ms);
    await super.sleep(ms, signal);
  }
}

let got: { readonly headers: IncomingHttpHeaders; readonly body: string }[];
let answer: (response: ServerResponse, nth: number) => void;
let url: string;
let opened: AsyncDisposableStack;
let clock: WebhookClock;
let log: RecordedLog;

beforeEach(async () => {
  [got, answer, clock, log] = [[], (response) => response.end(), new WebhookClock(), recordLog()];
  opened = new AsyncDisposableStack();
  const hear = async (request: IncomingMessage, response: ServerResponse) => {
    got.push({ headers: request.headers, body: await text(request) });
    answer(response, got.length);
  };
  const server = createServer((request, response) => void hear(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook-with-a-token`;
});
afterEach(async () => await opened.disposeAsync());

function openNotifier(webhook: Partial<WebhookConfig> = {}): Notifier {
  const webhooks = [{ url, secret: SECRET, on: ['failed', 'lie'] as const, ...webhook }];
  const { send } = opened.use(new UndiciSend());
  return opened.use(new Notifier({ webhooks: () => webhooks, send, log, clock }));
}

async function deliver(run: Partial<EndedRun> = {}, webhook: Partial<WebhookConfig> = {}): Promise<Notifier> {
  const notifier = openNotifier(webhook);
  for (const notification of notificationsOf({ ...RUN, ...run })) notifier.notify(notification);
  await notifier.settle();
  return notifier;
}

test('a run is told of in a document that is signed with its time', async () => {
  await deliver();
  const [{ headers, body } = { headers: {}, body: '' }] = got;
  expect(JSON.parse(body)).toEqual({
    version: 1,
    event: 'failed',
    job: 'library',
    reason: 'schedule',
    outcome: 'failed',
    startedAt: '2026-11-23T10:00:00.000Z',
    endedAt: '2026-11-23T10:01:00.000Z',
    ...RUN.account,
  });
  const timestamp = String(headers['x-wharf-timestamp']);
  expect(timestamp).toBe('1795428000');
  const signature = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'x-wharf-event': 'failed',
    'x-wharf-signature': `sha256=${signature}`,
    'x-wharf-delivery': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test('only what somebody wants to know is told, and each mirror that was caught by itself', async () => {
  const lies = [{ mirror: 'https://mirror.example', digest: 'sha256:0', proof: 'hashes to something else' }];
  await deliver({ outcome: 'done', lies });
  expect(got.map(({ body }) => JSON.parse(body))).toMatchObject([{ event: 'lie', job: 'library', ...lies[0] }]);
});

test.each(['stopped', 'cancelled', 'skipped'] as const)('a run that was %s is no news', async (outcome) => {
  await deliver({ outcome }, { on: ['finished', 'failed', 'deferred'] });
  expect(got).toEqual([]);
});

test('what fails for a while is sent again, with the same id, and then given up', async () => {
  answer = (response) => response.writeHead(500).end('x'.repeat(10_000_000));
  const { counts } = await deliver();
  expect(new Set(got.map(({ headers }) => headers['x-wharf-delivery'])).size).toBe(1);
  expect([got.length, clock.pauses, counts]).toEqual([3, [1000, 4000], { delivered: 0, failed: 1, dropped: 0 }]);
  expect(log.lines).toMatchObject([['warn notification failed', { event: 'failed', reason: 'answered 500' }]]);
});

test('an answer that comes after all is enough', async () => {
  answer = (response, nth) => response.writeHead(nth < 3 ? 503 : 204).end();
  expect((await deliver()).counts).toEqual({ delivered: 1, failed: 0, dropped: 0 });
});

test.each([
  [302, 'answered 302; redirects are not followed'],
  [404, 'answered 404'],
])('%i is an answer: nothing is followed or sent again', async (status, reason) => {
  answer = (response) => response.writeHead(status, { location: `${url}-elsewhere` }).end();
  await deliver();
  expect([got.length, log.lines]).toMatchObject([1, [['warn notification failed', { reason }]]]);
});

test('a body without an end is not read', async () => {
  answer = (response) => {
    response.writeHead(200);
    response.write('and so on');
  };
  expect((await deliver()).counts).toMatchObject({ delivered: 1 });
});

test('who does not answer is waited for ten seconds', async () => {
  answer = () => clock.deadlines.at(-1)?.();
  expect((await deliver()).counts).toMatchObject({ failed: 1 });
  expect(log.lines).toMatchObject([['warn notification failed', { reason: 'no answer within 10 s' }]]);
});

test('what is too much for a webhook is dropped, and holds up nobody', async () => {
  const notifier = openNotifier();
  const [notification] = notificationsOf(RUN);
  for (let count = 0; count < 150; count += 1) notifier.notify(notification!);
  await notifier.settle();
  const { delivered, dropped } = notifier.counts;
  expect(delivered + dropped).toBe(150);
  expect(dropped).toBeGreaterThan(40);
});

test('a server that stops waits for nobody', async () => {
  answer = () => undefined;
  const notifier = openNotifier();
  const [notification] = notificationsOf(RUN);
  for (let count = 0; count < 3; count += 1) notifier.notify(notification!);
  await notifier[Symbol.asyncDispose]();
  expect(notifier.counts).toEqual({ delivered: 0, failed: 1, dropped: 2 });
});

test('neither the secret nor the address is in the log', async () => {
  answer = (response) => response.destroy();
  await deliver();
  await deliver({}, { url: 'http://127.0.0.1:1/hook-with-a-token' });
  expect(log.lines).toHaveLength(2);
  expect(JSON.stringify(log.lines)).not.toMatch(/a secret|token/);
});
