import { expect } from 'vitest';
import { digestOf } from '../../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../../src/oci/media-type.ts';
import { type Case, codeOf, imageText, indexText, putManifest, streamOf, textAt } from './setting.ts';

export const MANIFEST_CASES: readonly Case[] = [
  [
    'Pushing Manifests',
    'a manifest is given byte for byte, by digest and by tag, whatever is accepted',
    async (setting) => {
      const { send, repository } = setting;
      const text = `${await imageText(setting)}\n  `;
      const digest = digestOf(text, setting.algorithm);
      const put = await putManifest(setting, digest, text, `${MEDIA_TYPES.ociImage}; charset=utf-8`);
      expect([put.status, put.headers.get('docker-content-digest')]).toEqual([201, digest]);
      expect(await textAt(send, put)).toBe(text);
      expect((await putManifest(setting, 'latest', text)).status).toBe(201);
      for (const reference of [digest, 'latest', encodeURIComponent(digest)]) {
        for (const accept of ['*/*', 'text/plain', MEDIA_TYPES.dockerImage]) {
          const answer = await send('GET', `/v2/${repository}/manifests/${reference}`, { headers: { accept } });
          expect(answer.headers.get('content-type')).toBe(MEDIA_TYPES.ociImage);
          expect([answer.status, await answer.text()]).toEqual([200, text]);
        }
      }
      const head = await send('HEAD', `/v2/${repository}/manifests/${digest}`);
      expect([head.headers.get('content-length'), head.headers.get('docker-content-digest')]).toEqual([
        String(text.length),
        digest,
      ]);
      const held = await send('GET', `/v2/${repository}/manifests/${digest}`, {
        headers: { 'if-none-match': `W/"x", "${digest}"` },
      });
      expect(held.status).toBe(304);
    },
  ],
  [
    'Pushing Manifests',
    'a PUT by digest may move many tags',
    async (setting) => {
      const text = await imageText(setting);
      const digest = digestOf(text, setting.algorithm);
      const tags = Array.from({ length: 12 }, (_, index) => `t${index}`);
      const put = await putManifest(setting, `${digest}?${tags.map((tag) => `tag=${tag}`).join('&')}`, text);
      expect([put.status, put.headers.get('oci-tag')]).toEqual([201, tags.join(', ')]);
      expect(
        (await setting.send('HEAD', `/v2/${setting.repository}/manifests/t11`)).headers.get('docker-content-digest'),
      ).toBe(digest);
    },
  ],
  [
    'Pushing Manifests',
    'a body that is not what its digest, type or shape says is refused',
    async (setting) => {
      const text = await imageText(setting);
      const both = JSON.stringify({ ...(JSON.parse(text) as object), manifests: [] });
      const wrong = [
        [digestOf('other', setting.algorithm), text, MEDIA_TYPES.ociImage, 400, 'DIGEST_INVALID'],
        ['sha256:baddigeststring', text, MEDIA_TYPES.ociImage, 400, 'DIGEST_INVALID'],
        ['wrong', text, MEDIA_TYPES.dockerImage, 400, 'MANIFEST_INVALID'],
        ['wrong', text, 'application/json', 400, 'MANIFEST_INVALID'],
        ['wrong', both, MEDIA_TYPES.ociImage, 400, 'MANIFEST_INVALID'],
        ['wrong', 'no json', MEDIA_TYPES.ociImage, 400, 'MANIFEST_INVALID'],
        ['wrong', '', MEDIA_TYPES.ociImage, 400, 'MANIFEST_INVALID'],
        ['-wrong', text, MEDIA_TYPES.ociImage, 400, 'TAG_INVALID'],
      ] as const;
      for (const [reference, body, type, status, code] of wrong) {
        const answer = await putManifest(setting, reference, body, type);
        expect([answer.status, await codeOf(answer)]).toEqual([status, code]);
      }
      expect((await setting.send('GET', `/v2/${setting.repository}/manifests/wrong`)).status).toBe(404);
    },
  ],
  [
    'Pushing Manifests',
    'the type of the request stands where the body names none',
    async (setting) => {
      const { mediaType: _, ...untyped } = JSON.parse(await imageText(setting)) as Record<string, unknown>;
      expect((await putManifest(setting, 'untyped', JSON.stringify(untyped), MEDIA_TYPES.dockerImage)).status).toBe(
        201,
      );
      const head = await setting.send('HEAD', `/v2/${setting.repository}/manifests/untyped`);
      expect(head.headers.get('content-type')).toBe(MEDIA_TYPES.dockerImage);
    },
  ],
  [
    'Pushing Manifests',
    '3.9 MB are taken, and more than 4 MiB are answered 413',
    async (setting) => {
      for (const [size, status] of [
        [3_900_000, 201],
        [4_200_000, 413],
      ] as const) {
        const text = await imageText(setting, { annotations: { long: 'x'.repeat(size) } });
        expect((await putManifest(setting, 'large', text)).status).toBe(status);
        expect((await putManifest(setting, 'large', streamOf(text))).status).toBe(status);
      }
    },
  ],
  [
    'Pushing Manifests',
    'a missing part is refused, unless it is a foreign layer or the subject',
    async (setting) => {
      const missing = { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf('gone', setting.algorithm), size: 4 };
      const refused = await putManifest(setting, 'parts', await imageText(setting, { layers: [missing] }));
      expect([refused.status, await codeOf(refused)]).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
      const foreign = { ...missing, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar' };
      const subject = { ...missing, mediaType: MEDIA_TYPES.ociImage };
      const taken = await putManifest(setting, 'parts', await imageText(setting, { layers: [foreign], subject }));
      expect([taken.status, taken.headers.get('oci-subject')]).toEqual([201, missing.digest]);
    },
  ],
  [
    'Pushing Manifests',
    'an index needs its children, and may have none',
    async (setting) => {
      const text = await imageText(setting);
      const digest = digestOf(text, setting.algorithm);
      const child = { mediaType: MEDIA_TYPES.ociImage, digest, size: text.length };
      const orphan = await putManifest(
        setting,
        'index',
        indexText([{ ...child, digest: digestOf('none') }]),
        MEDIA_TYPES.ociIndex,
      );
      expect([orphan.status, await codeOf(orphan)]).toEqual([400, 'MANIFEST_BLOB_UNKNOWN']);
      await putManifest(setting, digest, text);
      for (const children of [[child], []]) {
        expect((await putManifest(setting, 'index', indexText(children), MEDIA_TYPES.ociIndex)).status).toBe(201);
      }
      const tooMany = indexText(Array.from({ length: 10_001 }, () => child));
      expect((await putManifest(setting, 'index', tooMany, MEDIA_TYPES.ociIndex)).status).toBe(400);
    },
  ],
  [
    'Deleting tags',
    'a tag goes alone, and a manifest with all of its tags',
    async (setting) => {
      const text = await imageText(setting, { annotations: { of: 'deleting' } });
      const digest = digestOf(text, setting.algorithm);
      await putManifest(setting, `${digest}?tag=d1&tag=d2`, text);
      const statuses = [];
      for (const [method, reference] of [
        ['DELETE', 'd1'],
        ['GET', 'd1'],
        ['GET', digest],
        ['DELETE', digest],
        ['GET', 'd2'],
        ['GET', digest],
        ['DELETE', 'd2'],
      ] as const) {
        statuses.push((await setting.send(method, `/v2/${setting.repository}/manifests/${reference}`)).status);
      }
      expect(statuses).toEqual([202, 404, 200, 202, 404, 404, 404]);
    },
  ],
];
