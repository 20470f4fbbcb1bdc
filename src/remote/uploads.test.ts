import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { type Reply, scriptedSend } from '../../test/support/client/scripted-send.ts';
import {
  corruptAt,
  hang,
  ignoreQuery,
  refuse,
  resetAt,
  respond,
  truncateAt,
} from '../../test/support/origin/fault-actions.ts';
import type { FaultAction, FaultCondition } from '../../test/support/origin/faults.ts';
import { pushBlob } from '../../test/support/push.ts';
import { type Registry, startRegistry } from '../../test/support/registry/registry.ts';
import {
  ADA,
  APP,
  BLOB,
  BYTES,
  bodies,
  describeBlob,
  startUploadTarget,
} from '../../test/support/client/upload-target.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';

const BASE = parseRepositoryName('team/base');
/** Sent as they come, where smaller ones are sent in one piece. */
const LARGE_BYTES = Buffer.alloc(100_000, 'hello, upload ');
const has = ({ content }: Registry, blob = BLOB) => content.blob(APP, blob.digest) !== undefined;
const put = (nth?: FaultCondition['nth']): FaultCondition => ({ kind: 'upload', method: 'PUT', nth });

describe('a blob', () => {
  test('is asked for by HEAD first, and then sent in one PUT', async () => {
    await using target = await startUploadTarget();
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
    expect(target.log).toEqual(['HEAD 404', 'POST 202', 'PUT 201']);
    expect(has(target.registry)).toBe(true);
  });

  test('that is there is not sent', async () => {
    await using target = await startUploadTarget();
    await pushBlob(target.registry, APP, BYTES);
    target.log.length = 0;
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open)).toBe('present');
    expect([target.log, ends]).toEqual([['HEAD 200'], []]);
  });

  test('that is known not to be there is not asked for', async () => {
    await using target = await startUploadTarget();
    await target.repository.push(BLOB, bodies(BYTES).open, { isKnownAbsent: true });
    expect(target.log).toEqual(['POST 202', 'PUT 201']);
  });

  test('that the registry cannot say anything of is sent, and is right again', async () => {
    await using target = await startUploadTarget([{ when: { kind: 'blob' }, action: respond({ status: 500 }) }]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
    expect(has(target.registry)).toBe(true);
  });

  test('of no bytes is sent like any other', async () => {
    await using target = await startUploadTarget();
    const empty = describeBlob(new Uint8Array(0));
    expect(await target.repository.push(empty, bodies(new Uint8Array(0)).open)).toBe('sent');
    expect(has(target.registry, empty)).toBe(true);
  });

  test('is sent with its length, and each byte is counted as it leaves', async () => {
    await using target = await startUploadTarget();
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
    await using target = await startUploadTarget();
    await pushBlob(target.registry, BASE, BYTES);
    target.log.length = 0;
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open, call)).toBe('mounted');
    expect([target.log, ends, has(target.registry)]).toEqual([['POST 201'], [], true]);
  });

  test('asks for the right to read the other repository too', async () => {
    await using target = await startUploadTarget([], { login: { ...ADA, scheme: 'bearer' } });
    await target.repository.push(BLOB, bodies(BYTES).open, call);
    const token = target.net.sent.find(({ url }) => url.pathname === '/token');
    expect(token?.url.searchParams.getAll('scope')).toEqual([
      'repository:team/app:pull,push',
      'repository:team/base:pull',
    ]);
  });

  test('that is refused is an upload already, which is used at once', async () => {
    await using target = await startUploadTarget([{ when: { kind: 'mount' }, action: ignoreQuery() }]);
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
    await using target = await startUploadTarget([{ when: { kind: 'mount' }, action }]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open, call)).toBe('sent');
    expect(target.log.slice(1)).toEqual(['POST 202', 'PUT 201']);
  });

  test('from the repository itself is not asked for', async () => {
    await using target = await startUploadTarget();
    await target.repository.push(BLOB, bodies(BYTES).open, { isKnownAbsent: true, mountFrom: APP });
    expect(target.registry.counters).toMatchObject({ mounts: 0, uploadsStarted: 1 });
  });
});

describe('a body that breaks', () => {
  test('is opened anew, and nothing of the first is committed', async () => {
    await using target = await startUploadTarget();
    const { open, ends } = bodies(BYTES, { broken: 2 });
    expect(await target.repository.push(BLOB, open)).toBe('sent');
    expect(ends).toEqual(['failed', 'failed', 'read']);
    expect(target.registry.counters.blobPutsByDigest).toEqual(new Map([[BLOB.digest, 1]]));
    expect(target.log.filter((line) => line.startsWith('PUT 4'))).toEqual([]);
  });

  test('four times fails with its own error', async () => {
    await using target = await startUploadTarget();
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
    await using target = await startUploadTarget();
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
    await using target = await startUploadTarget([{ when: put(1), action }]);
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open)).toBe('sent');
    expect(ends).toHaveLength(2);
    expect(target.registry.counters).toMatchObject({ uploadsStarted: 2, blobPuts: 1 });
  });

  test('whose commit worked though its answer was lost is not sent again', async () => {
    await using target = await startUploadTarget([{ when: put(1), action: resetAt(0) }]);
    const { open, ends } = bodies(BYTES);
    expect(await target.repository.push(BLOB, open)).toBe('present');
    expect([ends, target.registry.counters.blobPuts]).toEqual([['read'], 1]);
  });

  test('whose commit never answers ends at its deadline, and is looked for', async () => {
    const commitThenHang: FaultAction = async (request, next) => ({
      ...(await next(request)),
      delivery: { kind: 'hang' },
    });
    await using target = await startUploadTarget([{ when: put(1), action: commitThenHang }]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('present');
  });

  test('waits longer each time, and gives up after four times', async () => {
    await using target = await startUploadTarget([{ when: put(), action: respond({ status: 500 }) }]);
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
    await using target = await startUploadTarget([{ when: put(), action }]);
    const { open, ends } = bodies(BYTES);
    await expect(target.repository.push(BLOB, open)).rejects.toMatchObject({ code });
    expect(ends).toHaveLength(1);
  });

  test.each([
    ['small goes on', BYTES, 1],
    ['large is begun again', LARGE_BYTES, 2],
  ])('whose login is lost in the middle and whose blob is %s with a new one', async (_, bytes, opened) => {
    const action: FaultAction = async (request, next) => {
      for await (const _ of request.body);
      return next({ ...request, headers: { ...request.headers, authorization: 'Bearer forgotten' } });
    };
    await using target = await startUploadTarget([{ when: put(1), action }], { login: { ...ADA, scheme: 'bearer' } });
    const { open, ends } = bodies(bytes);
    expect(await target.repository.push(describeBlob(bytes), open, { isKnownAbsent: true })).toBe('sent');
    expect([ends.length, target.registry.counters.tokenRequests]).toEqual([opened, 2]);
  });

  test('that outlives its token goes on with a new one', async () => {
    await using target = await startUploadTarget([], { login: { ...ADA, scheme: 'bearer' } });
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
    const { open, ends } = bodies(LARGE_BYTES);
    const late = () => {
      isOpened = true;
      clock.advance(600_000);
      return open();
    };
    const blob = describeBlob(LARGE_BYTES);
    await expect(repository.push(blob, late, { isKnownAbsent: true })).rejects.toThrow('reg.example.com');
    expect(ends).toEqual(['cancelled']);
  });

  test('ends with the reason of its signal, and closes the body', async () => {
    await using target = await startUploadTarget([{ when: put(), action: hang() }]);
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

describe('trying to push', () => {
  test('opens an upload and gives it up, and leaves nothing', async () => {
    await using target = await startUploadTarget();
    await target.repository.tryToPush();
    expect(target.log).toEqual(['POST 202', 'DELETE 204']);
    expect(target.registry.content.repositories()).toEqual([]);
  });

  test('works where an upload cannot be given up', async () => {
    const action = refuse('UNSUPPORTED');
    await using target = await startUploadTarget([{ when: { kind: 'upload', method: 'DELETE' }, action }]);
    await target.repository.tryToPush();
    expect(target.log).toEqual(['POST 202', 'DELETE 405']);
  });

  test('says what forbids it', async () => {
    await using target = await startUploadTarget([
      { when: { kind: 'upload' }, action: refuse('DENIED', 'read-only account') },
    ]);
    await expect(target.repository.tryToPush()).rejects.toMatchObject({
      code: 'DENIED',
      message: expect.stringContaining('denies access to an upload to team/app: "read-only account"') as string,
    });
  });
});
