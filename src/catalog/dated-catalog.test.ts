import { expect, test } from 'vitest';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { parseTag } from '../oci/reference.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { Catalog, CatalogImage } from './catalog.ts';
import { datedCatalog } from './dated-catalog.ts';
import type { ListTags } from './tag-list.ts';

const NGINX = catalogImage('nginx', ['1.27', '1']);
const REDIS = catalogImage('redis', ['7', '8-not-there-yet']);
const DATED: CatalogImage = { ...catalogImage('alpine', ['3']), updatedAtMs: 5 };
const DOWN = catalogImage('down/app', ['1']);
const TIMES: Readonly<Record<string, number>> = { '1.27': 100, '1': 200, '7': 50, '3': 999 };

function dated(isWanted: (image: CatalogImage) => boolean = () => true) {
  const asked: string[] = [];
  const listTags: ListTags = async (repository) => {
    asked.push(repository);
    if (repository === 'down/app') throw new RemoteError('hub.docker.com', 'TIMEOUT', 'gave no answer');
    return Object.entries(TIMES).map(([tag, updatedAtMs]) => ({ tag: parseTag(tag), updatedAtMs, platforms: [] }));
  };
  const catalog: Catalog = {
    description: 'a catalog',
    list: () => Promise.resolve({ images: [NGINX, REDIS, DATED, DOWN], problems: [], notices: [] }),
    changesSince: (listing, since) => Promise.resolve({ since, images: new Set([listing.images[1] ?? NGINX]) }),
  };
  return { catalog: datedCatalog({ catalog, listTags, isWanted }), asked };
}

test('an image gets the time at which the last of its tags was moved, and keeps one that it has', async () => {
  const { images } = await dated().catalog.list();
  expect(images.map(({ updatedAtMs }) => updatedAtMs)).toEqual([200, 50, 5, undefined]);
});

test('a repository is asked for once, and only where somebody wants to know', async () => {
  const { catalog, asked } = dated(({ name }) => name === 'nginx' || name === 'alpine');
  await catalog.list();
  expect(asked).toEqual(['library/nginx']);
});

test('a repository of which nobody says it is a problem', async () => {
  expect((await dated().catalog.list()).problems).toMatchObject([
    { file: 'down/app', message: 'when its tags were moved is not known: hub.docker.com gave no answer' },
  ]);
});

test('the history of the catalog is still there, and speaks of the images that were listed', async () => {
  const { catalog } = dated();
  const listing = await catalog.list();
  const changes = await catalog.changesSince?.(listing, 'v1');
  expect([changes?.since, changes?.images.size]).toEqual(['v1', 1]);
  expect(changes?.images.has(listing.images[1] ?? NGINX)).toBe(true);
});
