import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { openNetwork } from '../../test/support/network/loopback-network.ts';
import { type Reply, scriptedSend } from '../../test/support/network/scripted-send.ts';
import {
  corruptAt,
  hang,
  ignoreQuery,
  refuse,
  resetAt,
  respond,
  rewriteHeader,
  setHeader,
  truncateAt,
} from '../../test/support/origin/fault-actions.ts';
import type { Fault, FaultAction, FaultCondition } from '../../test/support/origin/faults.ts';
import { pushBlob } from '../../test/support/push.ts';
import { type Registry, type RegistryOptions, startRegistry } from '../../test/support/registry/registry.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { SendRequest } from './send.ts';

const APP = parseRepositoryName('team/app');
const BASE = parseRepositoryName('team/base');
const BYTES = Buffer.from('hello, upload '.repeat(1000));
const ADA = { username: 'ada', password: 'secret' };

function describeBlob(bytes: Uint8Array): Descriptor {
  return { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.byteLength };
}

const BLOB = describeBlob(BYTES);

/** Bodies as a source gives them: the first ones break, those after them are good. Remembers how each of them ended. */
function bodies(bytes: Uint8Array, { broken = 0 } = {}) {
  const ends: ('read' | 'cancelled' | 'failed' | 'open')[] = [];
  const open = () => {
    const nth = ends.push('open');
    let offset = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (nth <= broken && offset > bytes.byteLength / 2) {
            ends[nth - 1] = 'failed';
            throw Object.assign(new Error('the source broke'), { isRetryable: true });
          }
          const chunk = bytes.subarray(offset, (offset += 1000));
          if (chunk.byteLength > 0) return controller.enqueue(chunk);
          ends[nth - 1] = 'read';
          controller.close();
        },
        cancel: () => void (ends[nth - 1] = 'cancelled'),
      },
      { highWaterMark: 0 },
    );
    return Promise.resolve(body);
  };
  return { open, ends };
}

/** A target with these faults, and what it was asked and answered about blobs. */
async function targetWith(faults: readonly Fault[] = [], options: RegistryOptions = {}) {
  await using started = new AsyncDisposableStack();
  const clock = new FakeClock();
  const registry = started.use(await startRegistry({ now: () => clock.now(), ...options }));
  const net = started.use(openNetwork({ clock, deadlineMs: 500 }));
  const log: string[] = [];
  registry.faults.add({
    when: {},
    action: async (request, next) => {
      const answer = await next(request);
      if (request.kind === 'upload' || request.kind === 'mount' || request.kind === 'blob') {
        log.push(`${request.method} ${answer.status}`);
      }
      return answer;
    },
  });
  registry.faults.add(...faults);
  const remote = new RemoteRegistry({
    name: 'target',
    url: new URL(registry.url),
    network: net.network,
    ...(options.login !== undefined && { credentials: () => Promise.resolve(ADA) }),
  });
  const repository = remote.repository(APP);
  const running = started.move();
  return { registry, net, clock, log, repository, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

const put = (nth?: FaultCondition['nth']): FaultCondition => ({ kind: 'upload', method: 'PUT', nth });
const has = (registry: Registry, blob = BLOB) => registry.content.blob(APP, blob.digest) !== undefined;

describe('a blob', () => {
  test('is asked for by HEAD first, and then sent in one PUT', async () => {
    await using target = await targetWith();
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
    expect(target.log).toEqual(['HEAD 404', 'POST 202', 'PUT 201']);
    expect(has(target.registry)).toBe(true);
  });

  test('that is there is not sent', async () => {
    await using target = await targetWith();
    await pushBlob(target.registry, APP, BYTES);
    target.log.length = 0;
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open)).toBe('present');
    expect([target.log, ends]).toEqual([['HEAD 200'], []]);
  });

  test('that is known not to be there is not asked for', async () => {
    await using target = await targetWith();
    await target.repository.push(BLOB, bodies(BYTES).open, { isKnownAbsent: true });
    expect(target.log).toEqual(['POST 202', 'PUT 201']);
  });

  test('of no bytes is sent like any other', async () => {
    await using target = await targetWith();
    const empty = describeBlob(new Uint8Array(0));
    expect(await target.repository.push(empty, bodies(new Uint8Array(0)).open)).toBe('sent');
    expect(has(target.registry, empty)).toBe(true);
  });

  test('is sent with its length, and each byte is counted as it leaves', async () => {
    await using target = await targetWith();
    let count = 0;
    await target.repository.push(BLOB, bodies(BYTES).open, { onBytes: (bytes) => void (count += bytes) });
    const [request] = target.net.sent.filter(({ method }) => method === 'PUT');
    expect(request?.sizeBytes).toBe(BYTES.byteLength);
    expect(request?.headers['content-type']).toBe('application/octet-stream');
    expect([count, target.repository.registry.traffic.sentBytes]).toEqual([BYTES.byteLength, BYTES.byteLength]);
  });
});

describe('a mount', () => {
  const call = { isKnownAbsent: true, mountFrom: BASE };

  test('makes a blob appear without sending it', async () => {
    await using target = await targetWith();
    await pushBlob(target.registry, BASE, BYTES);
    target.log.length = 0;
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open, call)).toBe('mounted');
    expect([target.log, ends, has(target.registry)]).toEqual([['POST 201'], [], true]);
  });

  test('asks for the right to read the other repository too', async () => {
    await using target = await targetWith([], { login: { ...ADA, scheme: 'bearer' } });
    await target.repository.push(BLOB, bodies(BYTES).open, call);
    const token = target.net.sent.find(({ url }) => url.pathname === '/token');
    expect(token?.url.searchParams.getAll('scope')).toEqual([
      'repository:team/app:pull,push',
      'repository:team/base:pull',
    ]);
  });

  test('that is refused is an upload already, which is used at once', async () => {
    await using target = await targetWith([{ when: { kind: 'mount' }, action: ignoreQuery() }]);
    await pushBlob(target.registry, BASE, BYTES);
    target.log.length = 0;
    expect(await target.repository.push(BLOB, bodies(BYTES).open, call)).toBe('sent');
    expect(target.log).toEqual(['POST 202', 'PUT 201']);
  });

  test.each([
    ['denied', refuse('DENIED')],
    ['not supported', refuse('UNSUPPORTED')],
    ['answered with a 404', refuse('BLOB_UNKNOWN')],
    ['answered with a 400', respond({ status: 400 })],
  ])('that is %s is done without', async (_, action) => {
    await using target = await targetWith([{ when: { kind: 'mount' }, action }]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open, call)).toBe('sent');
    expect(target.log.slice(1)).toEqual(['POST 202', 'PUT 201']);
  });

  test('from the repository itself is not asked for', async () => {
    await using target = await targetWith();
    await target.repository.push(BLOB, bodies(BYTES).open, { isKnownAbsent: true, mountFrom: APP });
    expect(target.registry.counters).toMatchObject({ mounts: 0, uploadsStarted: 1 });
  });
});

describe('a body that breaks', () => {
  test('is opened anew, and nothing of the first is committed', async () => {
    await using target = await targetWith();
    const { open, ends } = bodies(BYTES, { broken: 2 });
    expect(await target.repository.push(BLOB, open)).toBe('sent');
    expect(ends).toEqual(['failed', 'failed', 'read']);
    expect(target.registry.counters.blobPutsByDigest).toEqual(new Map([[BLOB.digest, 1]]));
    expect(target.log.filter((line) => line.startsWith('PUT 4'))).toEqual([]);
  });

  test('four times fails with its own error', async () => {
    await using target = await targetWith();
    const { open, ends } = bodies(BYTES, { broken: 9 });
    await expect(target.repository.push(BLOB, open)).rejects.toThrow('the source broke');
    expect(ends).toEqual(['failed', 'failed', 'failed', 'failed']);
    expect(has(target.registry)).toBe(false);
  });

  test.each([
    ['hashes wrong', corruptAt(700)],
    ['hashes wrong at its last byte', corruptAt(BYTES.byteLength - 1)],
    ['is reset', resetAt(700)],
    ['is cut off', truncateAt(700)],
  ])('because it %s at the source is fetched again, and never committed wrongly', async (_, action: FaultAction) => {
    await using source = await startRegistry({
      faults: [{ when: { kind: 'blob', method: 'GET', nth: [1, 2] }, action }],
    });
    await using target = await targetWith();
    await pushBlob(source, APP, BYTES);
    const registry = new RemoteRegistry({ name: 'source', url: new URL(source.url), network: target.net.network });
    const open = async () => (await registry.repository(APP).blob(BLOB.digest)).body;
    expect(await target.repository.push(BLOB, open)).toBe('sent');
    expect(source.counters.blobGets).toBe(3);
    expect(target.registry.counters.blobPutsByDigest).toEqual(new Map([[BLOB.digest, 1]]));
    expect(target.log.filter((line) => line.startsWith('PUT 4'))).toEqual([]);
  });
});

describe('an upload', () => {
  test.each([
    ['was lost', refuse('BLOB_UPLOAD_UNKNOWN')],
    ['was spoilt', refuse('BLOB_UPLOAD_INVALID')],
    ['fails at its commit', respond({ status: 500 })],
    ['is reset before it has begun', refuse('DIGEST_INVALID')],
  ])('that %s is begun again with a fresh body', async (_, action) => {
    await using target = await targetWith([{ when: put(1), action }]);
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open)).toBe('sent');
    expect(ends).toHaveLength(2);
    expect(target.registry.counters).toMatchObject({ uploadsStarted: 2, blobPuts: 1 });
  });

  test('whose commit worked though its answer was lost is not sent again', async () => {
    await using target = await targetWith([{ when: put(1), action: resetAt(0) }]);
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open)).toBe('present');
    expect([ends, target.registry.counters.blobPuts]).toEqual([['read'], 1]);
  });

  test('whose commit never answers ends at its deadline, and is looked for', async () => {
    const commitThenHang: FaultAction = async (request, next) => ({
      ...(await next(request)),
      delivery: { kind: 'hang' },
    });
    await using target = await targetWith([{ when: put(1), action: commitThenHang }]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('present');
  });

  test('waits longer each time, and gives up after four times', async () => {
    await using target = await targetWith([{ when: put(), action: respond({ status: 500 }) }]);
    const { open, ends } = bodies(BYTES);
    await expect(target.repository.push(BLOB, open)).rejects.toMatchObject({ code: 'SERVER_ERROR' });
    expect(ends).toHaveLength(4);
    expect(target.clock.elapsedMs).toBeGreaterThanOrEqual(500 + 1000 + 2000);
  });

  test.each([
    ['is denied', refuse('DENIED'), 'DENIED'],
    ['has no space', respond({ status: 507 }), 'STORAGE_FULL'],
    ['is of a wrong name', refuse('NAME_INVALID'), 'NAME_INVALID'],
  ])('that %s is not begun again', async (_, action, code) => {
    await using target = await targetWith([{ when: put(), action }]);
    const { open, ends } = bodies(BYTES);
    await expect(target.repository.push(BLOB, open)).rejects.toMatchObject({ code });
    expect(ends).toHaveLength(1);
  });

  test('whose login is lost in the middle is begun again with a new one', async () => {
    const action: FaultAction = async (request, next) => {
      for await (const _ of request.body);
      return next({ ...request, headers: { ...request.headers, authorization: 'Bearer forgotten' } });
    };
    await using target = await targetWith([{ when: put(1), action }], { login: { ...ADA, scheme: 'bearer' } });
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open, { isKnownAbsent: true })).toBe('sent');
    expect([ends.length, target.registry.counters.tokenRequests]).toEqual([2, 2]);
  });

  test('that outlives its token goes on with a new one', async () => {
    await using target = await targetWith([], { login: { ...ADA, scheme: 'bearer' } });
    const { open } = bodies(BYTES);
    const late = () => {
      target.clock.advance(600_000);
      return open();
    };
    expect(await target.repository.push(BLOB, late, { isKnownAbsent: true })).toBe('sent');
    expect(target.registry.counters).toMatchObject({ tokenRequests: 2, uploadsStarted: 1 });
  });

  test('leaves no body open when there is no token to send it with', async () => {
    const clock = new FakeClock();
    let isOpened = false;
    const { send } = scriptedSend((request): Reply => {
      if (isOpened) return { status: 403 };
      if (request.url.pathname === '/token') return { status: 200, body: '{"token":"short"}' };
      if (request.headers['authorization'] !== undefined) return { status: 202, headers: { location: '/u' } };
      return { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://reg.example.com/token"' } };
    });
    const url = new URL('https://reg.example.com');
    const repository = new RemoteRegistry({ name: 'r', url, network: new Network({ send, clock }) }).repository(APP);
    const { open, ends } = bodies(BYTES);
    const late = () => {
      isOpened = true;
      clock.advance(600_000);
      return open();
    };
    await expect(repository.push(BLOB, late, { isKnownAbsent: true })).rejects.toThrow('reg.example.com');
    expect(ends).toEqual(['cancelled']);
  });

  test('ends with the reason of its signal, and closes the body', async () => {
    await using target = await targetWith([{ when: put(), action: hang() }]);
    const stop = new AbortController();
    const { open, ends } = bodies(BYTES);
    const slow = async () => {
      const body = await open();
      queueMicrotask(() => stop.abort(new Error('enough')));
      return body;
    };
    await expect(target.repository.push(BLOB, slow, { signal: stop.signal })).rejects.toThrow('enough');
    await expect.poll(() => ends).not.toContain('open');
    expect(has(target.registry)).toBe(false);
  });
});

describe('the place where an upload goes on', () => {
  test('may be an absolute URL', async () => {
    await using target = await targetWith();
    target.registry.faults.add({
      when: { kind: 'upload', method: 'POST' },
      action: rewriteHeader('location', '^', target.registry.url),
    });
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
  });

  test('keeps its query, and gets the digest besides', async () => {
    await using target = await targetWith();
    await target.repository.push(BLOB, bodies(BYTES).open);
    const url = target.net.sent.find(({ method }) => method === 'PUT')?.url;
    expect([...(url?.searchParams ?? [])]).toEqual([
      ['_state', '0'],
      ['digest', BLOB.digest],
    ]);
  });

  const urlAfter = async (location: string) => {
    const { send, requests } = scriptedSend(({ method }) =>
      method === 'POST' ? { status: 202, headers: { location } } : { status: 201 },
    );
    const url = new URL('https://reg.example.com/');
    const network = new Network({ send, clock: new FakeClock() });
    const repository = new RemoteRegistry({ name: 'r', url, network }).repository(APP);
    await repository.push(BLOB, bodies(BYTES).open, { isKnownAbsent: true });
    return requests.at(-1)?.url.href.replace(encodeURIComponent(BLOB.digest), 'D');
  };

  test.each([
    ['/v2/team/app/blobs/uploads/1', 'https://reg.example.com/v2/team/app/blobs/uploads/1?digest=D'],
    ['http://reg.example.com/up?x=1', 'https://reg.example.com/up?x=1&digest=D'],
    ['http://reg.example.com:5000/up', 'https://reg.example.com/up?digest=D'],
    ['https://other.example.com/up', 'https://other.example.com/up?digest=D'],
  ])('%s is %s', async (location, expected) => {
    expect(await urlAfter(location)).toBe(expected);
  });

  test.each(['', 'ftp://reg.example.com/up', 'javascript:1', 'https://ada:x@reg.example.com/up'])(
    'is no place when it is %j',
    async (location) => {
      await expect(urlAfter(location)).rejects.toMatchObject({
        code: 'NOT_A_REGISTRY',
        message: 'reg.example.com opened an upload to team/app without saying where',
      });
    },
  );
});

describe('chunks', () => {
  const large = Buffer.alloc(20 * 1024 * 1024, 'wharf');
  const tooLarge: Fault = { when: put(1), action: respond({ status: 413 }) };
  const ranges = (sent: readonly SendRequest[]) =>
    sent.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range']);

  test('are sent where a whole blob is too large', async () => {
    await using target = await targetWith([tooLarge]);
    const blob = describeBlob(large);
    expect(await target.repository.push(blob, bodies(large).open)).toBe('sent');
    expect(ranges(target.net.sent)).toEqual(['0-16777215', '16777216-20971519']);
    expect(has(target.registry, blob)).toBe(true);
  });

  test('are as long as the registry wants them at least', async () => {
    const action = setHeader('oci-chunk-min-length', String(18 * 1024 * 1024));
    await using target = await targetWith([tooLarge, { when: { kind: 'upload', method: 'POST' }, action }]);
    const blob = describeBlob(large);
    expect(await target.repository.push(blob, bodies(large).open)).toBe('sent');
    expect(ranges(target.net.sent)).toEqual(['0-18874367', '18874368-20971519']);
  });

  test('are sent at once, without a pause, and of an empty blob there are none', async () => {
    await using target = await targetWith([tooLarge]);
    const empty = describeBlob(new Uint8Array(0));
    expect(await target.repository.push(empty, bodies(new Uint8Array(0)).open)).toBe('sent');
    expect([target.clock.elapsedMs, ranges(target.net.sent)]).toEqual([0, []]);
  });

  test('that are too large as well fail with what to look at', async () => {
    const patch: Fault = { when: { kind: 'upload', method: 'PATCH' }, action: respond({ status: 413 }) };
    await using target = await targetWith([tooLarge, patch]);
    const { open, ends } = bodies(BYTES);
    await expect(target.repository.push(BLOB, open)).rejects.toMatchObject({
      code: 'TOO_LARGE',
      message: expect.stringMatching(
        /refuses the size of the blob team\/app@sha256:\w+ \(413\); a proxy before it/,
      ) as string,
    });
    expect(ends).toHaveLength(2);
  });

  test.each([
    ['is refused', respond({ status: 500 })],
    ['loses the upload', refuse('BLOB_UPLOAD_UNKNOWN')],
  ])('of which one %s are sent again from the start', async (_, action) => {
    await using target = await targetWith([tooLarge, { when: { kind: 'upload', method: 'PATCH', nth: 1 }, action }]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
    expect(has(target.registry)).toBe(true);
  });

  test('whose body breaks are sent again from the start', async () => {
    await using target = await targetWith([tooLarge]);
    const { open, ends } = bodies(large, { broken: 2 });
    const blob = describeBlob(large);
    expect(await target.repository.push(blob, open)).toBe('sent');
    expect(ends).toHaveLength(3);
  });
});

describe('trying to push', () => {
  test('opens an upload and gives it up, and leaves nothing', async () => {
    await using target = await targetWith();
    await target.repository.tryToPush();
    expect(target.log).toEqual(['POST 202', 'DELETE 204']);
    expect(target.registry.content.repositories()).toEqual([]);
  });

  test('works where an upload cannot be given up', async () => {
    const action = refuse('UNSUPPORTED');
    await using target = await targetWith([{ when: { kind: 'upload', method: 'DELETE' }, action }]);
    await target.repository.tryToPush();
    expect(target.log).toEqual(['POST 202', 'DELETE 405']);
  });

  test('says what forbids it', async () => {
    await using target = await targetWith([
      { when: { kind: 'upload' }, action: refuse('DENIED', 'read-only account') },
    ]);
    await expect(target.repository.tryToPush()).rejects.toMatchObject({
      code: 'DENIED',
      message: expect.stringContaining('denies access to an upload to team/app: "read-only account"') as string,
    });
  });
});
