import { expect, test } from 'vitest';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Catalog, CatalogImage, CatalogListing } from './catalog.ts';
import { unionCatalog } from './union-catalog.ts';

const catalogOf = (description: string, images: CatalogImage[], more: Partial<CatalogListing> = {}): Catalog => ({
  description,
  list: () => Promise.resolve({ images, problems: [], notices: [], ...more }),
});
const failing = (description: string, error: Error): Catalog => ({ description, list: () => Promise.reject(error) });

test('a union wants what any of its catalogs wants, each tag once and as the first one says', async () => {
  const one = catalogOf('one', [catalogImage('nginx', ['1.27', '1'], ['linux/arm64']), catalogImage('redis', ['7'])]);
  const other = catalogOf('other', [catalogImage('nginx', ['1', 'latest']), catalogImage('redis', ['7'])]);
  const { images } = await unionCatalog([one, other]).list();
  expect(images.map(({ name, tags }) => `${name}:${tags.join()}`)).toEqual(['nginx:1.27,1', 'redis:7', 'nginx:latest']);
  expect(images[0]?.platforms).toEqual([{ os: 'linux', architecture: 'arm64' }]);
});

test('the problems and notices of all of them are told', async () => {
  const one = catalogOf('one', [], { problems: [{ file: 'a', message: 'x' }], notices: ['old'] });
  const other = catalogOf('other', [], { problems: [{ file: 'b', line: 3, message: 'y' }] });
  const { problems, notices } = await unionCatalog([one, other]).list();
  expect([problems.map(({ file }) => file), notices]).toEqual([['a', 'b'], ['old']]);
});

test('a catalog that cannot be read is a problem where another can, and an error where none can', async () => {
  const bad = failing('the list x', new UsageError('the list x cannot be read'));
  const { images, problems } = await unionCatalog([bad, catalogOf('one', [catalogImage('redis')])]).list();
  expect(images).toHaveLength(1);
  expect(problems).toEqual([{ file: 'the list x', message: 'the list x cannot be read' }]);
  await expect(unionCatalog([bad, bad]).list()).rejects.toThrow('the list x cannot be read');
});

test('what is no fault of a catalog is thrown', async () => {
  const broken = failing('broken', new RemoteError('a.example', 'TLS', 'has a bad certificate'));
  await expect(unionCatalog([broken, catalogOf('one', [])]).list()).rejects.toThrow('bad certificate');
});

test('one catalog alone is itself, with its history', () => {
  const one = { ...catalogOf('one', []), changesSince: () => Promise.reject(new Error('not asked')) };
  expect(unionCatalog([one])).toBe(one);
});
