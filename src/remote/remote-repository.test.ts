import { describe, expect, test } from 'vitest';
import { APP, DIGEST, ONE, scriptedApp, startApp } from '../../test/support/client/app-repository.ts';
import { type Reply, endless } from '../../test/support/client/scripted-send.ts';
import {
  corruptAt,
  hang,
  html,
  redirectTo,
  replaceBody,
  resetAt,
  respond,
  setHeader,
  stripHeader,
  truncateAt,
} from '../../test/support/origin/fault-actions.ts';
import { recordRequests } from '../../test/support/origin/record-requests.ts';
import { BLOB, BLOB_DIGEST, MANIFEST, pushImage } from '../../test/support/push.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import { digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { parseTag } from '../oci/reference.ts';
import { readAll } from '../streams/read-all.ts';

const ofManifest = (method: string, nth?: number) => ({ kind: 'manifest', method, nth }) as const;

describe('what a tag means', () => {
  test('is asked by HEAD, and nothing is fetched', async () => {
    await using app = await startApp();
    const { descriptor, asOf } = await app.repository.resolve(ONE);
    expect(descriptor).toEqual({ mediaType: MEDIA_TYPES.ociImage, digest: DIGEST, size: MANIFEST.length });
    expect(asOf.getTime()).toBe(app.net.clock.now());
    expect(app.registry.counters).toMatchObject({ manifestHeads: 1, manifestGets: 0 });
  });

  test('is asked with the media types of both families, uncompressed', async () => {
    await using app = await startApp();
    const seen = recordRequests(app.registry);
    await app.repository.resolve(ONE);
    const head = seen.find(({ method }) => method === 'HEAD');
    for (const type of ['ociIndex', 'ociImage', 'dockerIndex', 'dockerImage'] as const) {
      expect(head?.headers.accept).toContain(MEDIA_TYPES[type]);
    }
    expect(head?.headers['accept-encoding']).toBe('identity');
  });

  test.each([['docker-content-digest'], ['content-type']])(
    'is learnt by GET where HEAD does not give %s',
    async (header) => {
      await using app = await startApp({ when: ofManifest('HEAD'), action: stripHeader(header) });
      const { descriptor } = await app.repository.resolve(ONE);
      expect(descriptor).toEqual({ mediaType: MEDIA_TYPES.ociImage, digest: DIGEST, size: MANIFEST.length });
      expect(app.registry.counters.manifestGets).toBe(1);
    },
  );

  test('is learnt by GET where HEAD gives a digest that is none', async () => {
    const action = setHeader('docker-content-digest', 'sha256:short');
    await using app = await startApp({ when: ofManifest('HEAD'), action });
    expect((await app.repository.resolve(ONE)).descriptor.digest).toBe(DIGEST);
  });

  test('of a digest is never taken from a registry that answers with another', async () => {
    const action = setHeader('docker-content-digest', digestOf('another'));
    await using app = await startApp({ when: { kind: 'manifest' }, action });
    expect((await app.repository.resolve(DIGEST)).descriptor.digest).toBe(DIGEST);
  });

  test('is MANIFEST_UNKNOWN when there is no such tag', async () => {
    await using app = await startApp();
    await expect(app.repository.resolve(parseTag('2'))).rejects.toMatchObject({
      code: 'MANIFEST_UNKNOWN',
      status: 404,
      message: `${app.host} has no manifest team/app:2`,
    });
  });

  test('is not taken to be missing on the word of a web page', async () => {
    const page = respond({ status: 404, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>' });
    await using app = await startApp({ when: ofManifest('HEAD'), action: page });
    await expect(app.repository.resolve(ONE)).rejects.toMatchObject({ code: 'NOT_A_REGISTRY', status: undefined });
  });

  test('is not believed of a web page', async () => {
    await using app = await startApp({ when: ofManifest('HEAD'), action: html() });
    await expect(app.repository.resolve(ONE)).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: `${app.host} answered "text/html" for manifest team/app:1, which is no registry's answer`,
    });
    expect(app.registry.counters.manifestGets).toBe(0);
  });

  test('is not believed of something that is no manifest', async () => {
    await using app = await startApp({
      when: ofManifest('HEAD'),
      action: setHeader('content-type', 'application/json'),
    });
    await expect(app.repository.resolve(ONE)).rejects.toMatchObject({ code: 'NOT_A_REGISTRY' });
  });
});

describe('a manifest', () => {
  test('comes byte for byte, with the media type that its body has', async () => {
    await using app = await startApp({ when: ofManifest('GET'), action: setHeader('content-type', 'text/plain') });
    const { digest, mediaType, bytes } = await app.repository.manifest(DIGEST);
    expect([digest, mediaType, Buffer.from(bytes).toString()]).toEqual([DIGEST, MEDIA_TYPES.ociImage, MANIFEST]);
  });

  test('without a mediaType is read by its shape', async () => {
    const config = { mediaType: MEDIA_TYPES.dockerConfig, digest: BLOB_DIGEST, size: 1 };
    const body = JSON.stringify({ schemaVersion: 2, config, layers: [] });
    const { repository } = scriptedApp(() => ({ status: 200, body }));
    expect((await repository.manifest(digestOf(body))).mediaType).toBe(MEDIA_TYPES.dockerImage);
  });

  test.each([
    ['is reset', resetAt(20)],
    ['is cut off', truncateAt(20)],
    ['has a wrong length', setHeader('content-length', '9999')],
    ['hangs', hang()],
    ['is a 503', respond({ status: 503 })],
  ])('that %s once is asked for again', async (_, action) => {
    await using app = await startApp({ when: ofManifest('GET', 1), action });
    const { bytes } = await app.repository.manifest(DIGEST);
    expect(Buffer.from(bytes).toString()).toBe(MANIFEST);
    expect(app.registry.counters.manifestGets).toBe(2);
  });

  test.each([
    ['is reset', resetAt(20)],
    ['is cut off', truncateAt(20)],
    ['has a wrong length', setHeader('content-length', '9999')],
  ])('that %s each time fails with a sentence', async (_, action) => {
    await using app = await startApp({ when: ofManifest('GET'), action });
    await expect(app.repository.manifest(DIGEST)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringMatching(`^${app.host} broke the connection .*for manifest team/app@${DIGEST}`) as string,
    });
  });

  test('with one wrong byte is refused', async () => {
    await using app = await startApp({ when: ofManifest('GET'), action: corruptAt(30) });
    await expect(app.repository.manifest(DIGEST)).rejects.toMatchObject({
      code: 'DIGEST_INVALID',
      message: expect.stringContaining(
        `${app.host} answered manifest team/app@${DIGEST} with bytes that hash to`,
      ) as string,
    });
  });

  test('that is a web page is no registry’s answer', async () => {
    await using app = await startApp({ when: ofManifest('GET'), action: html() });
    await expect(app.repository.manifest(DIGEST)).rejects.toMatchObject({ code: 'NOT_A_REGISTRY' });
  });

  test('that never ends is cut off after 4 MiB', async () => {
    const { body, taken } = endless();
    const { repository } = scriptedApp(() => ({ status: 200, body }));
    await expect(repository.manifest(DIGEST)).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: `reg.example.com sent more than 4194304 bytes for manifest team/app@${DIGEST}`,
    });
    expect(taken()).toBeLessThan(5 * 1024 * 1024);
  });

  test.each([
    ['is not JSON', 'nonsense', 'MANIFEST_INVALID'],
    ['is a list', '[]', 'MANIFEST_INVALID'],
    ['is of the retired schema 1', '{"schemaVersion":1}', 'UNSUPPORTED'],
    ['is both an image and an index', '{"schemaVersion":2,"layers":[],"manifests":[]}', 'MANIFEST_INVALID'],
  ])('that %s is refused with a sentence that names the registry', async (_, body, code) => {
    const { repository } = scriptedApp(() => ({ status: 200, body }));
    await expect(repository.manifest(digestOf(body))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(
        /^reg\.example\.com answered manifest team\/app@sha256:\w+ with something else: /,
      ) as string,
    });
  });

  test('that calls itself something with control characters brings none into our messages', async () => {
    const body = JSON.stringify({ schemaVersion: 2, mediaType: '\u001b[2Jx\u009b', manifests: [] });
    const { repository } = scriptedApp(() => ({ status: 200, body }));
    await expect(repository.manifest(digestOf(body))).rejects.toThrow(/^[\x20-\x7e]+$/);
  });
});

test.each([
  ['a media type', { status: 200, headers: { 'content-type': 'a\u009b2J/b' } }],
  ['a type of error', { status: 418, headers: { 'content-type': 'a\u009b2J/b' } }],
  ['a location', { status: 307, headers: { location: 'x:\u009b2J\u202e' } }],
])('%s with control characters brings none into our messages', async (_, reply: Reply) => {
  const { repository } = scriptedApp(() => ({
    ...reply,
    headers: { ...reply.headers, 'docker-content-digest': DIGEST },
  }));
  await expect(repository.resolve(ONE)).rejects.toThrow(/^[\x20-\x7e]+$/);
});

test('every request has deadlines, and only a commit has a long one', async () => {
  const { repository, requests } = scriptedApp(({ method }) =>
    method === 'POST' ? { status: 202, headers: { location: '/upload' } } : { status: 201 },
  );
  await repository.push({ mediaType: 'x', digest: BLOB_DIGEST, size: 11 }, async () => ReadableStream.from([BLOB]), {
    isKnownAbsent: true,
  });
  await repository.put({ digest: DIGEST, mediaType: MEDIA_TYPES.ociImage, bytes: Buffer.from(MANIFEST) }, [ONE]);
  expect(
    requests.map(({ url, headersTimeoutMs, idleTimeoutMs }) => [url.pathname, headersTimeoutMs, idleTimeoutMs]),
  ).toEqual([
    ['/v2/', 30_000, 60_000],
    ['/v2/team/app/blobs/uploads/', 30_000, 60_000],
    ['/upload', 900_000, 60_000],
    ['/v2/team/app/manifests/1', 30_000, 60_000],
  ]);
});

describe('a blob', () => {
  test('comes as a stream, with its size', async () => {
    await using app = await startApp();
    const { sizeBytes, body } = await app.repository.blob(BLOB_DIGEST);
    expect([sizeBytes, Buffer.from(await readAll(body, 100)).toString()]).toEqual([BLOB.byteLength, BLOB.toString()]);
  });

  test.each([
    ['is reset', resetAt(4), 'CONNECTION_LOST'],
    ['is cut off', truncateAt(4), 'CONNECTION_LOST'],
    ['has a wrong byte', corruptAt(4), 'DIGEST_INVALID'],
    ['has a wrong byte at its end', corruptAt(BLOB.byteLength - 1), 'DIGEST_INVALID'],
    ['claims to be longer than it is', setHeader('content-length', '100'), 'CONNECTION_LOST'],
    ['is another', replaceBody('howdy, blob'), 'DIGEST_INVALID'],
    ['is a web page', html(), 'DIGEST_INVALID'],
  ])('that %s never ends well, and its failure names the registry', async (_, action, code) => {
    await using app = await startApp({ when: { kind: 'blob' }, action });
    const { sizeBytes, body } = await app.repository.blob(BLOB_DIGEST);
    let received = 0;
    const reading = (async () => {
      for await (const chunk of body) received += chunk.byteLength;
    })();
    await expect(reading).rejects.toMatchObject({ code, message: expect.stringMatching(`^${app.host} `) as string });
    expect(received).toBeLessThan(sizeBytes);
  });

  test('that does not say how long it is is refused', async () => {
    const { repository } = scriptedApp(() => ({ status: 200, body: BLOB }));
    await expect(repository.blob(BLOB_DIGEST)).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: `reg.example.com does not say how long the blob team/app@${BLOB_DIGEST} is`,
    });
  });

  test('that never ends is cut off at the length that was promised', async () => {
    const { body, taken } = endless();
    const { repository } = scriptedApp(() => ({ status: 200, headers: { 'content-length': '100000' }, body }));
    const blob = await repository.blob(BLOB_DIGEST);
    await expect(readAll(blob.body, 1e9)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    expect(taken()).toBeLessThan(300_000);
  });

  test('lives on when it is redirected to a place that refuses a login', async () => {
    await using app = await startApp();
    await using cdn = await startRegistry();
    const seen = recordRequests(cdn);
    await pushImage(cdn, APP, ONE);
    app.registry.faults.add({
      when: { kind: 'blob' },
      action: redirectTo(`${cdn.url}/v2/team/app/blobs/${BLOB_DIGEST}`),
    });
    const { body } = await app.repository.blob(BLOB_DIGEST);
    expect(Buffer.from(await readAll(body, 100)).equals(BLOB)).toBe(true);
    expect(seen.at(-1)?.headers.authorization).toBeUndefined();
  });

  test('that is not there is undefined to those who only ask', async () => {
    await using app = await startApp();
    expect(await app.repository.statBlob(digestOf('nothing'))).toBeUndefined();
    expect(await app.repository.statBlob(BLOB_DIGEST)).toEqual({ sizeBytes: BLOB.byteLength });
  });
});

describe('a manifest that is put', () => {
  const manifest = { digest: DIGEST, mediaType: MEDIA_TYPES.ociImage, bytes: Buffer.from(MANIFEST) };

  test('moves each tag to the same bytes', async () => {
    await using app = await startApp();
    await app.repository.put(manifest, ['2', '3'].map(parseTag));
    for (const tag of ['2', '3']) expect(app.registry.content.manifest(APP, tag)?.digest).toBe(DIGEST);
    expect(app.registry.counters.manifestPuts).toBe(2);
  });

  test('without a tag is stored under its digest', async () => {
    await using app = await startApp();
    const seen = recordRequests(app.registry);
    await app.repository.put(manifest, []);
    expect(seen.at(-1)?.path).toBe(`/v2/team/app/manifests/${DIGEST}`);
  });

  test('is sent again when the registry fails for a moment', async () => {
    await using app = await startApp({ when: ofManifest('PUT', 1), action: respond({ status: 502 }) });
    await app.repository.put(manifest, [parseTag('2')]);
    expect(app.registry.content.manifest(APP, '2')?.digest).toBe(DIGEST);
  });

  test('and is stored as something else fails', async () => {
    const action = setHeader('docker-content-digest', digestOf('rewritten'));
    await using app = await startApp({ when: ofManifest('PUT'), action });
    await expect(app.repository.put(manifest, [ONE])).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  });

  test('and is answered with a web page is not stored', async () => {
    await using app = await startApp({ when: ofManifest('PUT'), action: html() });
    await expect(app.repository.put(manifest, [ONE])).rejects.toMatchObject({
      code: 'NOT_A_REGISTRY',
      message: expect.stringMatching(
        /answered 200 text\/html.* for manifest team\/app:1, which is no registry's/,
      ) as string,
    });
  });

  test('at a registry that is read-only says so', async () => {
    await using app = await startApp({ when: ofManifest('PUT'), action: respond({ status: 405 }) });
    await expect(app.repository.put(manifest, [ONE])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: `${app.host} does not allow this for manifest team/app:1 (405); it may be read-only`,
    });
  });
});
