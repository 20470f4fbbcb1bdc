import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { scriptedSend } from '../../test/support/client/scripted-send.ts';
import { refuse, respond, rewriteHeader, setHeader } from '../../test/support/origin/fault-actions.ts';
import type { Fault } from '../../test/support/origin/faults.ts';
import type { Registry } from '../../test/support/registry/registry.ts';
import { APP, BLOB, BYTES, bodies, describeBlob, startUploadTarget } from '../../test/support/client/upload-target.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';
import type { SendRequest } from './send.ts';

const has = ({ content }: Registry, blob = BLOB) => content.blob(APP, blob.digest) !== undefined;

describe('the place where an upload goes on', () => {
  test('may be an absolute URL', async () => {
    await using target = await startUploadTarget();
    target.registry.faults.add({
      when: { kind: 'upload', method: 'POST' },
      action: rewriteHeader('location', '^', target.registry.url),
    });
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
  });

  test('keeps its query, and gets the digest besides', async () => {
    await using target = await startUploadTarget();
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
    ['/up?_state=a~b%20c*+=#d', 'https://reg.example.com/up?_state=a~b%20c*+=&digest=D#d'],
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
  const tooLarge: Fault = { when: { kind: 'upload', method: 'PUT', nth: 1 }, action: respond({ status: 413 }) };
  const ranges = (sent: readonly SendRequest[]) =>
    sent.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range']);

  test('are sent where a whole blob is too large', async () => {
    await using target = await startUploadTarget([tooLarge]);
    const blob = describeBlob(large);
    expect(await target.repository.push(blob, bodies(large).open)).toBe('sent');
    expect(ranges(target.net.sent)).toEqual(['0-16777215', '16777216-20971519']);
    expect(has(target.registry, blob)).toBe(true);
  });

  test('are as long as the registry wants them at least', async () => {
    const action = setHeader('oci-chunk-min-length', String(18 * 1024 * 1024));
    await using target = await startUploadTarget([tooLarge, { when: { kind: 'upload', method: 'POST' }, action }]);
    const blob = describeBlob(large);
    expect(await target.repository.push(blob, bodies(large).open)).toBe('sent');
    expect(ranges(target.net.sent)).toEqual(['0-18874367', '18874368-20971519']);
  });

  test('are sent at once, without a pause, and of an empty blob there are none', async () => {
    await using target = await startUploadTarget([tooLarge]);
    const empty = describeBlob(new Uint8Array(0));
    expect(await target.repository.push(empty, bodies(new Uint8Array(0)).open)).toBe('sent');
    expect([target.clock.elapsedMs, ranges(target.net.sent)]).toEqual([0, []]);
  });

  test('that are too large as well fail with what to look at', async () => {
    const patch: Fault = { when: { kind: 'upload', method: 'PATCH' }, action: respond({ status: 413 }) };
    await using target = await startUploadTarget([tooLarge, patch]);
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
    await using target = await startUploadTarget([
      tooLarge,
      { when: { kind: 'upload', method: 'PATCH', nth: 1 }, action },
    ]);
    expect(await target.repository.push(BLOB, bodies(BYTES).open)).toBe('sent');
    expect(has(target.registry)).toBe(true);
  });

  test('whose body breaks are sent again from the start', async () => {
    await using target = await startUploadTarget([tooLarge]);
    const { open, ends } = bodies(large, { broken: 2 });
    const blob = describeBlob(large);
    expect(await target.repository.push(blob, open)).toBe('sent');
    expect(ends).toHaveLength(3);
  });
});
