import { expect } from 'vitest';
import { digestOf } from '../../../../src/oci/digest.ts';
import { type Case, OCTETS, begin, codeOf, locationOf, patch, pushBlob, streamOf, textAt } from './setting.ts';

export const BLOB_CASES: readonly Case[] = [
  [
    'Pulling blobs',
    'a blob that is missing is answered 404',
    async ({ send, repository, algorithm }) => {
      await pushBlob({ send, repository, algorithm }, 'another');
      const answer = await send('GET', `/v2/${repository}/blobs/${digestOf('missing', algorithm)}`);
      expect([answer.status, await codeOf(answer)]).toEqual([404, 'BLOB_UNKNOWN']);
    },
  ],
  [
    'Single POST',
    'a blob comes in one request',
    async ({ send, repository, algorithm }) => {
      const digest = digestOf('single', algorithm);
      const answer = await send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, {
        headers: OCTETS,
        body: 'single',
      });
      expect(answer.status).toBe(201);
      expect(answer.headers.get('docker-content-digest')).toBe(digest);
      expect(await textAt(send, answer)).toBe('single');
    },
  ],
  [
    'Single POST',
    'another digest than that of the bytes is refused',
    async ({ send, repository, algorithm }) => {
      const digest = digestOf('promised', algorithm);
      const answer = await send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: 'sent' });
      expect([answer.status, await codeOf(answer)]).toEqual([400, 'DIGEST_INVALID']);
      expect((await send('HEAD', `/v2/${repository}/blobs/${digest}`)).status).toBe(404);
    },
  ],
  [
    'POST then PUT',
    'a blob comes after its upload has begun',
    async (setting) => {
      const digest = await pushBlob(setting, 'post then put');
      const head = await setting.send('HEAD', `/v2/${setting.repository}/blobs/${digest}`);
      expect([head.status, head.headers.get('content-length')]).toEqual([200, '13']);
      expect(head.headers.get('docker-content-digest')).toBe(digest);
    },
  ],
  [
    'POST then PUT',
    'blobs of no bytes and of {} are blobs',
    async (setting) => {
      for (const text of ['', '{}']) {
        const digest = await pushBlob(setting, text);
        const answer = await setting.send('GET', `/v2/${setting.repository}/blobs/${digest}`);
        expect([answer.status, await answer.text()]).toEqual([200, text]);
      }
    },
  ],
  [
    'POST then PUT',
    'a PUT that names no digest, or a bad one, is refused',
    async ({ send, repository }) => {
      for (const query of [
        '',
        '?digest=',
        '?digest=sha256:baddigeststring',
        '?digest=md5:d41d8cd98f00b204e9800998ecf8427e',
      ]) {
        const location = await begin(send, repository);
        const answer = await send('PUT', location + query, { body: 'x' });
        expect([answer.status, await codeOf(answer)]).toEqual([400, 'DIGEST_INVALID']);
      }
    },
  ],
  [
    'Pushing a blob in chunks',
    'chunks come in order, the last with the PUT',
    async ({ send, repository, algorithm }) => {
      const begun = await begin(send, repository, `?digest-algorithm=${algorithm}`);
      const first = await patch(send, begun, '0-4', 'hello');
      expect([first.status, first.headers.get('range')]).toEqual([202, '0-4']);
      const second = await patch(send, locationOf(first), '5-5', ' ');
      expect([second.status, second.headers.get('range')]).toEqual([202, '0-5']);
      const put = `${locationOf(second)}?digest=${digestOf('hello world', algorithm)}`;
      const done = await send('PUT', put, { headers: { 'content-range': '6-10' }, body: 'world' });
      expect(done.status).toBe(201);
      expect(await textAt(send, done)).toBe('hello world');
    },
  ],
  [
    'Pushing a blob in chunks',
    'a chunk out of order is told where the upload stands',
    async ({ send, repository, algorithm }) => {
      const begun = await begin(send, repository);
      const early = await patch(send, begun, '5-9', 'world');
      expect([early.status, await codeOf(early), early.headers.get('range')]).toEqual([416, 'RANGE_INVALID', '0-0']);
      expect((await patch(send, begun, '0-4', 'hello')).status).toBe(202);
      const again = await patch(send, begun, '0-4', 'hello');
      expect([again.status, again.headers.get('range'), locationOf(again)]).toEqual([416, '0-4', begun]);
      const status = await send('GET', begun);
      expect([status.status, status.headers.get('range'), locationOf(status)]).toEqual([204, '0-4', begun]);
      const put = `${begun}?digest=${digestOf('helloworld', algorithm)}`;
      const wrong = await send('PUT', put, { headers: { 'content-range': '7-11' }, body: 'world' });
      expect(wrong.status).toBe(416);
      expect((await send('PUT', put, { headers: { 'content-range': '5-9' }, body: 'world' })).status).toBe(201);
    },
  ],
  [
    'Pushing a blob in chunks',
    'a chunk that is longer or shorter than its range is refused',
    async ({ send, repository }) => {
      const begun = await begin(send, repository);
      const announced = await patch(send, begun, '0-9', 'hello');
      expect([announced.status, await codeOf(announced)]).toEqual([400, 'SIZE_INVALID']);
      const streamed = await patch(send, begun, '0-3', streamOf('hel', 'lo'));
      expect([streamed.status, await codeOf(streamed)]).toEqual([400, 'SIZE_INVALID']);
      expect((await patch(send, begun, 'bytes 0-4/5', 'hello')).status).toBe(416);
    },
  ],
  [
    'Blob streaming',
    'a PATCH without a range takes a stream, as docker sends it',
    async ({ send, repository, algorithm }) => {
      const begun = await begin(send, repository);
      const streamed = await send('PATCH', begun, { headers: OCTETS, body: streamOf('one ', 'two ', 'three') });
      expect([streamed.status, streamed.headers.get('range')]).toEqual([202, '0-12']);
      expect(streamed.headers.get('docker-upload-uuid')).toBe(begun.split('/').at(-1));
      const done = await send('PUT', `${locationOf(streamed)}?digest=${digestOf('one two three', algorithm)}`);
      expect(await textAt(send, done)).toBe('one two three');
    },
  ],
  [
    'Mounting',
    'a blob is mounted from a repository, or from any',
    async (setting) => {
      const { send, repository } = setting;
      const digest = await pushBlob(setting, 'mounted');
      for (const [target, query] of [
        ['named', `mount=${digest}&from=${repository}`],
        ['any', `mount=${digest}`],
      ]) {
        const answer = await send('POST', `/v2/${repository}/${target}/blobs/uploads/?${query}`);
        expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([201, digest]);
        expect(await textAt(send, answer)).toBe('mounted');
      }
    },
  ],
  [
    'Mounting',
    'what cannot be mounted is uploaded',
    async ({ send, repository, algorithm }) => {
      const query = `mount=${digestOf('nowhere', algorithm)}&from=${repository}`;
      const answer = await send('POST', `/v2/${repository}/other/blobs/uploads/?${query}`);
      expect(answer.status).toBe(202);
      const done = await send('PUT', `${locationOf(answer)}?digest=${digestOf('nowhere', algorithm)}`, {
        body: 'nowhere',
      });
      expect(done.status).toBe(201);
    },
  ],
  [
    'Cancel',
    'an upload that is cancelled, or of another repository, is unknown',
    async ({ send, repository }) => {
      const begun = await begin(send, repository);
      const elsewhere = begun.replace(`/v2/${repository}/`, `/v2/${repository}/elsewhere/`);
      expect((await send('GET', elsewhere)).status).toBe(404);
      expect((await send('DELETE', begun)).status).toBe(204);
      const after = await send('GET', begun);
      expect([after.status, await codeOf(after)]).toEqual([404, 'BLOB_UPLOAD_UNKNOWN']);
    },
  ],
  [
    'Pulling blobs',
    'one range is given alone, and of several the whole',
    async (setting) => {
      const bytes = new Uint8Array(2001).map((_, index) => index % 251);
      const digest = await pushBlob(setting, bytes);
      const path = `/v2/${setting.repository}/blobs/${digest}`;
      for (const [range, first, last] of [
        ['500-1499', 500, 1499],
        ['500-', 500, 2000],
        ['-500', 1501, 2000],
        ['1000-5000', 1000, 2000],
        ['0-0', 0, 0],
      ] as const) {
        const answer = await setting.send('GET', path, { headers: { range: `bytes=${range}` } });
        expect([answer.status, answer.headers.get('content-range')]).toEqual([206, `bytes ${first}-${last}/2001`]);
        expect(answer.headers.get('content-length')).toBe(String(last - first + 1));
        expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.slice(first, last + 1));
      }
      for (const range of ['500-0', '5000-10000', '-0']) {
        const answer = await setting.send('GET', path, { headers: { range: `bytes=${range}` } });
        expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */2001']);
      }
      for (const headers of [{ range: 'bytes=0-1,5-6' }, { range: 'bytes=0-1', 'if-range': '"other"' }]) {
        const whole = await setting.send('GET', path, { headers });
        expect([whole.status, (await whole.arrayBuffer()).byteLength]).toEqual([200, 2001]);
      }
      const held = await setting.send('GET', path, { headers: { 'if-none-match': `"${digest}"` } });
      expect(held.status).toBe(304);
    },
  ],
  [
    'Deleting Blobs',
    'a blob that is deleted is gone at once',
    async (setting) => {
      const path = `/v2/${setting.repository}/blobs/${await pushBlob(setting, 'short-lived')}`;
      const statuses = [];
      for (const method of ['DELETE', 'GET', 'DELETE']) statuses.push((await setting.send(method, path)).status);
      expect(statuses).toEqual([202, 404, 404]);
    },
  ],
];
