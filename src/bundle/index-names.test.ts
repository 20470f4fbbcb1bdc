import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import { parseUntaggedReference } from '../oci/reference.ts';
import { indexNames, nameAnnotations } from './index-names.ts';

const root = (reference: string, of = reference) => ({
  reference: parseUntaggedReference(reference),
  digest: digestOf(of),
});

test('an image is called by its tag, and where others have that tag by name and tag', () => {
  const images = [
    root('nginx:1.27'),
    root('nginx:latest'),
    root('ghcr.io/o/app:latest'),
    root(`redis@${digestOf('x')}`),
  ];
  const names = indexNames(images);
  expect(images.map((image) => names.get(image))).toEqual(['1.27', 'nginx:latest', 'ghcr.io/o/app:latest', undefined]);
});

test('no name means two images', () => {
  const references = fc.constantFrom('a:1', 'a:2', 'b:1', 'b:2', 'ghcr.io/x/a:1', 'c:latest');
  fc.assert(
    fc.property(fc.uniqueArray(references), fc.array(fc.boolean()), (texts, same) => {
      const images = texts.map((text, nth) => root(text, same[nth] === true ? 'same' : text));
      const names = indexNames(images);
      expect(new Set(names.values()).size).toBe(images.length);
    }),
  );
});

test('docker and containerd find the whole name, skopeo and umoci the short one', () => {
  expect(nameAnnotations(parseUntaggedReference('nginx:1.27'), '1.27')).toEqual({
    'io.containerd.image.name': 'docker.io/library/nginx:1.27',
    'org.opencontainers.image.ref.name': '1.27',
  });
  expect(nameAnnotations(parseUntaggedReference(`nginx@${digestOf('x')}`), undefined)).toEqual({
    'io.containerd.image.name': `docker.io/library/nginx@${digestOf('x')}`,
  });
});
