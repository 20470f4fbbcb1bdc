import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import { isTag } from '../oci/reference.ts';
import { cosignTags, referrersTag } from './referrer-tags.ts';

const HEX = 'a'.repeat(64);

test('a sha256 digest is its tag, and with a suffix the tags of cosign', () => {
  const digest = digestOf('x');
  const stem = digest.replace(':', '-');
  expect(referrersTag(digest)).toBe(stem);
  expect(cosignTags(digest)).toEqual([`${stem}.sig`, `${stem}.att`, `${stem}.sbom`]);
});

test('a sha512 digest is cut to what a tag may hold, and cosign has none for it', () => {
  const digest = digestOf('x', 'sha512');
  expect(referrersTag(digest)).toBe(`sha512-${digest.slice('sha512:'.length, 'sha512:'.length + HEX.length)}`);
  expect(cosignTags(digest)).toEqual([]);
});

test('whatever the digest, the tags are legal, and two digests have not one in common', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.constantFrom('sha256', 'sha512'), (one, other, algorithm) => {
      fc.pre(one !== other);
      const [first, second] = [one, other].map((text) => {
        const digest = digestOf(text, algorithm);
        return [referrersTag(digest), ...cosignTags(digest)];
      });
      expect([...(first ?? []), ...(second ?? [])].every(isTag)).toBe(true);
      expect(first?.filter((tag) => second?.includes(tag))).toEqual([]);
    }),
  );
});
