import { expect, test } from 'vitest';
import type { CatalogImage } from '../catalog/catalog.ts';
import { parsePlatform } from '../oci/platform.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { parsePattern } from '../oci/pattern.ts';
import { UsageError } from '../oci/usage-error.ts';
import { parseImagePattern } from './image-pattern.ts';
import { type Selection, selectImages } from './select-images.ts';
import { VersionRanges } from './version-ranges.ts';

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
    include: include.map(parseImagePattern),
    exclude: exclude.map(parseImagePattern),
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
  [['/^nginx:1/'], [], 2],
  [['/^library\\/(nginx|golang):.*-/'], [], 2],
  [['/:\\d+$/'], [], 1],
  [['team/*', '/alpine$/'], ['/^team/'], 1],
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

test.each(['/(/', '/(?=x)/', `/${'a'.repeat(300)}/`])('%s is no regular expression that can be used', (text) => {
  expect(() => parseImagePattern(text)).toThrow(UsageError);
});

const DAY_MS = 86_400_000;
const chosen = (selection: Partial<Selection>, all: readonly CatalogImage[] = versions) =>
  selectImages(all, { include: [], exclude: [], platforms: [], ...selection }).flatMap(({ name, tags }) =>
    tags.map((tag) => `${name}:${tag}`),
  );
const moved = (name: string, tags: string[], day: number | undefined): CatalogImage => ({
  ...image(name, tags),
  updatedAtMs: day && day * DAY_MS,
});
const versions = [
  moved('nginx', ['1.27.1', '1.27', '1', 'latest'], 30),
  moved('nginx', ['1.27.0'], 20),
  moved('nginx', ['1.26.2', '1.26'], 28),
  moved('redis', ['7.4.0', '7'], 10),
  moved('redis', ['edge'], 29),
];

test('a range chooses the tags that are versions in it, of all names or of one', () => {
  const inRange = (range: string | undefined, byName: Record<string, string> = {}) =>
    chosen({ ranges: new VersionRanges({ range, byName: new Map(Object.entries(byName)) }) });
  expect(inRange('>=1.27')).toEqual(['nginx:1.27.1', 'nginx:1.27', 'nginx:1.27.0', 'redis:7.4.0', 'redis:7']);
  expect(inRange(undefined, { nginx: '~1.26' })).toEqual([
    'nginx:1.26.2',
    'nginx:1.26',
    'redis:7.4.0',
    'redis:7',
    'redis:edge',
  ]);
  expect(inRange('<1', { 'library/re*': '*' })).toEqual(['redis:7.4.0', 'redis:7']);
  expect(() => inRange('newest')).toThrow('is not a range of versions');
});

test('an age chooses what was moved long ago, or lately, and nothing of which that is not known', () => {
  const nowMs = 31 * DAY_MS;
  expect(chosen({ age: { minMs: 3 * DAY_MS, maxMs: Infinity, nowMs } })).toEqual([
    'nginx:1.27.0',
    'nginx:1.26.2',
    'nginx:1.26',
    'redis:7.4.0',
    'redis:7',
  ]);
  expect(chosen({ age: { minMs: 2 * DAY_MS, maxMs: 10 * DAY_MS, nowMs } })).toEqual([
    'nginx:1.26.2',
    'nginx:1.26',
    'redis:edge',
  ]);
  expect(chosen({ age: { minMs: 1, maxMs: Infinity, nowMs } }, [moved('x', ['1'], undefined)])).toEqual([]);
});

test('the newest are those moved last of each name, or its latest versions where that is not known of all', () => {
  expect(chosen({ newest: 1 })).toEqual(['nginx:1.27.1', 'nginx:1.27', 'nginx:1', 'nginx:latest', 'redis:edge']);
  const undated = [...versions, moved('redis', ['7.2.0'], undefined)];
  expect(chosen({ newest: 1, include: [parseImagePattern('redis')] }, undated)).toEqual(['redis:7.4.0', 'redis:7']);
});

test('beside a range, or the latest patches, it is versions that are counted', () => {
  const ranges = new VersionRanges({ range: '*', byName: new Map() });
  expect(chosen({ newest: 2, ranges, include: [parseImagePattern('nginx')] })).toEqual([
    'nginx:1.27.1',
    'nginx:1.27',
    'nginx:1',
    'nginx:1.27.0',
  ]);
  expect(chosen({ newest: 2, isLatestPatchOnly: true, include: [parseImagePattern('nginx')] })).toEqual([
    'nginx:1.27.1',
    'nginx:1.27',
    'nginx:1',
    'nginx:latest',
    'nginx:1.26.2',
    'nginx:1.26',
  ]);
});

test('the newest are chosen of what everything else has left', () => {
  const age = { minMs: 3 * DAY_MS, maxMs: Infinity, nowMs: 31 * DAY_MS };
  expect(chosen({ newest: 1, age, exclude: [parseImagePattern('redis')] })).toEqual(['nginx:1.26.2', 'nginx:1.26']);
});
