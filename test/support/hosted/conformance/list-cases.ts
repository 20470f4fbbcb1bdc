import { expect } from 'vitest';
import { digestOf } from '../../../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../../../src/oci/media-type.ts';
import { type Case, codeOf, imageText, indexText, putManifest } from './setting.ts';

export const LIST_CASES: readonly Case[] = [
  [
    'Listing Tags',
    'tags come sorted, in pages that link to the next',
    async (setting) => {
      const { send } = setting;
      const repository = `${setting.repository}/tags/list`;
      const path = `/v2/${repository}/tags/list`;
      const unknown = await send('GET', path);
      expect([unknown.status, await codeOf(unknown)]).toEqual([404, 'NAME_UNKNOWN']);
      const text = await imageText({ ...setting, repository });
      expect(await (await send('GET', path)).json()).toEqual({ name: repository, tags: [] });
      for (const tag of ['c', 'a', 'b']) await putManifest({ ...setting, repository }, tag, text);
      const page = async (query: string) => {
        const answer = await send('GET', path + query);
        return [((await answer.json()) as { tags: string[] }).tags.join(), answer.headers.get('link')];
      };
      expect(await page('')).toEqual(['a,b,c', null]);
      expect(await page('?n=2')).toEqual(['a,b', `<${path}?last=b&n=2>; rel="next"`]);
      expect(await page('?last=b&n=2')).toEqual(['c', null]);
      expect(await page('?last=aa')).toEqual(['b,c', null]);
      expect(await page('?n=3')).toEqual(['a,b,c', null]);
      expect(await page('?n=0')).toEqual(['', null]);
      expect(await page('?n=99999999999999999999')).toEqual(['a,b,c', null]);
    },
  ],
  [
    'Listing Referrers',
    'referrers are an index, be it an empty one',
    async ({ send, repository, algorithm }) => {
      const answer = await send('GET', `/v2/${repository}/referrers/${digestOf('unknown', algorithm)}`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, MEDIA_TYPES.ociIndex]);
      expect(await answer.json()).toEqual({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
      expect((await send('GET', `/v2/${repository}/referrers/sha256:bad`)).status).toBe(400);
    },
  ],
  [
    'Listing Referrers',
    'referrers carry types and annotations, filtered where asked',
    async (setting) => {
      const { send, repository, algorithm } = setting;
      const subject = { mediaType: MEDIA_TYPES.ociImage, digest: digestOf('subject', algorithm), size: 7 };
      const annotations = { made: 'by hand' };
      const signature = await imageText(setting, { subject, annotations, artifactType: 'application/vnd.a+json' });
      const plain = await imageText(setting, { subject });
      const index = JSON.stringify({ ...(JSON.parse(indexText([])) as object), subject });
      for (const text of [signature, plain]) await putManifest(setting, digestOf(text, algorithm), text);
      await putManifest(setting, digestOf(index, algorithm), index, MEDIA_TYPES.ociIndex);
      const path = `/v2/${repository}/referrers/${subject.digest}`;
      const all = (await (await send('GET', path)).json()) as { manifests: { digest: string }[] };
      const typeOf = (text: string) => all.manifests.find(({ digest }) => digest === digestOf(text, algorithm));
      expect(typeOf(plain)).toMatchObject({ artifactType: MEDIA_TYPES.ociConfig });
      expect(typeOf(index)).not.toHaveProperty('artifactType');
      for (const filter of ['application/vnd.a%2Bjson', 'application/vnd.a+json']) {
        const filtered = await send('GET', `${path}?artifactType=${filter}`);
        expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType');
        expect(((await filtered.json()) as typeof all).manifests).toEqual([
          {
            mediaType: MEDIA_TYPES.ociImage,
            digest: digestOf(signature, algorithm),
            size: signature.length,
            artifactType: 'application/vnd.a+json',
            annotations,
          },
        ]);
      }
    },
  ],
  [
    'Listing Referrers',
    'referrers with much to say come in pages',
    async (setting) => {
      const { send, repository, algorithm } = setting;
      const subject = { mediaType: MEDIA_TYPES.ociImage, digest: digestOf('praised', algorithm), size: 7 };
      for (const letter of ['a', 'b', 'c']) {
        const text = await imageText(setting, { subject, annotations: { praise: letter.repeat(2_000_000) } });
        await putManifest(setting, digestOf(text, algorithm), text);
      }
      const counts = [];
      let next: string | undefined = `/v2/${repository}/referrers/${subject.digest}`;
      while (next !== undefined) {
        const answer: Response = await send('GET', next);
        counts.push(((await answer.json()) as { manifests: unknown[] }).manifests.length);
        next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
      }
      expect(counts).toEqual([1, 1, 1]);
    },
  ],
];
