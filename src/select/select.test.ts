import { expect, test } from 'vitest';
import type { CatalogImage } from '../catalog/catalog.ts';
import { parsePlatform } from '../oci/platform.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { parsePattern } from '../oci/pattern.ts';
import { selectImages } from './select-images.ts';

const image = (name: string, tags: string[], platforms = ['linux/amd64']): CatalogImage => ({
  repository: parseRepositoryName(name.includes('/') ? name : `library/${name}`),
  name,
  tags: tags.map(parseTag),
  platforms: platforms.map(parsePlatform),
});
const images = [
  image('nginx', ['1.27', '1.27-alpine', 'latest']),
  image('golang', ['1.25', '1.25-windowsservercore-ltsc2022'], ['windows/amd64']),
  image('team/app', ['1']),
];
const select = (include: string[], exclude: string[] = [], platforms: string[] = []) =>
  selectImages(images, {
    include: include.map(parsePattern),
    exclude: exclude.map(parsePattern),
    platforms: platforms.map(parsePlatform),
  }).flatMap(({ name, tags }) => tags.map((tag) => `${name}:${tag}`));

test.each([
  [[], [], 6],
  [['nginx'], [], 3],
  [['nginx:*alpine*'], [], 1],
  [['library/nginx'], [], 3],
  [['*'], ['*:*windowsservercore*'], 4],
  [['team/*'], [], 1],
  [['**'], [], 6],
  [['nginx', 'golang:1.25'], ['nginx:latest'], 3],
])('include %j and exclude %j choose %i tags', (include, exclude, count) => {
  expect(select(include, exclude)).toHaveLength(count);
});

test('a star does not cross a slash, and a pattern is anchored and literal but for its stars', () => {
  expect(select(['*'])).not.toContain('team/app:1');
  expect(select(['ngin'])).toEqual([]);
  expect(select(['nginx:1.2.'])).toEqual([]);
});

test('a choice of platforms leaves out images that promise none of them', () => {
  expect(select([], [], ['windows/amd64'])).toHaveLength(2);
});

test.each(['', ':', 'a:b:c d', 'a b', 'x:(y)'])('%j is no pattern', (text) => {
  expect(() => parsePattern(text)).toThrow('pattern');
});
