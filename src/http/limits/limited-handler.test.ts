import { expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { serve } from '../../../test/support/hosted/served-registry.ts';
import { jsonAnswer } from '../distribution/answer.ts';
import { limitedHandler } from './limited-handler.ts';
import { Limiter, type UseLimits } from './limiter.ts';

const NONE: UseLimits = {
  connections: Infinity,
  requestsPerSecond: Infinity,
  bytesPerSecond: Infinity,
  uploads: Infinity,
};
const BIG = new Uint8Array(256 * 1024);

function limited(perClient: Partial<UseLimits>, handler: Parameters<typeof limitedHandler>[0]) {
  const clock = new FakeClock();
  const limiter = new Limiter({ total: NONE, perClient: { ...NONE, ...perClient }, clock });
  return { clock, limiter, handler: limitedHandler(handler, limiter, (asked) => asked.header('x-test-client') ?? '') };
}

test('who asks too often is told when to ask again, and others are not', async () => {
  const { handler, clock } = limited({ requestsPerSecond: 0.2 }, () => jsonAnswer(200, {}));
  await using served = await serve(handler);
  const ask = (client: string) => served.send('GET', '/v2/', { headers: { 'x-test-client': client } });
  expect((await ask('a')).status).toBe(200);
  const refused = await ask('a');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
  expect(await refused.json()).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
  expect((await ask('b')).status).toBe(200);
  clock.advance(5000);
  expect((await ask('a')).status).toBe(200);
});

test('an upload too many is refused while the others last, and reading goes on', async () => {
  const held = Promise.withResolvers<void>();
  const { handler } = limited({ uploads: 1 }, async ({ method, body }) => {
    if (method === 'GET') return jsonAnswer(200, {});
    await held.promise;
    for await (const chunk of body) void chunk;
    return jsonAnswer(201, {});
  });
  await using served = await serve(handler);
  const first = served.send('PATCH', '/v2/a/blobs/uploads/1', { body: 'one' });
  let second = await served.send('POST', '/v2/a/blobs/uploads/', { body: 'two' });
  while (second.status === 201) second = await served.send('POST', '/v2/a/blobs/uploads/', { body: 'two' });
  expect([second.status, second.headers.get('retry-after')]).toEqual([429, '10']);
  expect((await served.send('GET', '/v2/')).status).toBe(200);
  held.resolve();
  expect((await first).status).toBe(201);
  expect((await served.send('PUT', '/v2/a/manifests/x', { body: 'three' })).status).toBe(201);
});

test('what is sent is counted, and waited for before more is sent', async () => {
  const clock = new FakeClock();
  const sent: number[] = [];
  const chunks = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (let count = 0; count < 3; count += 1) controller.enqueue(BIG);
        controller.close();
      },
    });
  const handler = () => ({ status: 200, headers: { 'content-length': 3 * BIG.length }, body: chunks() });
  const pace = (_: unknown, bytes: number) => {
    sent.push(bytes);
    return 1000;
  };
  await using served = await serve(handler, { clock, sent: pace });
  expect((await (await served.send('GET', '/')).arrayBuffer()).byteLength).toBe(3 * BIG.length);
  expect(sent).toEqual([BIG.length, BIG.length, BIG.length]);
  expect(clock.elapsedMs).toBe(3000);
});

test('a connection that is not let in is closed at once, and a place is free again at the end of its connection', async () => {
  const ended = Promise.withResolvers<void>();
  const admissions = [() => ended.resolve(), undefined, () => undefined];
  await using served = await serve(() => jsonAnswer(200, {}), { admit: () => admissions.shift() });
  const first = await served.send('GET', '/', { headers: { connection: 'close' } });
  expect(await first.json()).toEqual({});
  await ended.promise;
  await expect(served.send('GET', '/')).rejects.toThrow('fetch failed');
  expect((await served.send('GET', '/')).status).toBe(200);
});
