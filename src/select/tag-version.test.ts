import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTag, parseTag } from '../oci/reference.ts';
import { byVersion, tagVersion } from './tag-version.ts';

const read = (tag: string) => {
  const { version, numbers } = tagVersion(parseTag(tag)) ?? {};
  if (version === undefined) return undefined;
  return `${[version.version, ...version.build].join('+')} (${numbers?.join('.')})`;
};

test.each([
  ['1.27.4', '1.27.4 (1.27.4)'],
  ['v1.27.4', '1.27.4 (1.27.4)'],
  ['1.27', '1.27.0 (1.27)'],
  ['1', '1.0.0 (1)'],
  ['24.04', '24.4.0 (24.4)'],
  ['1.27.4-alpine3.20', '1.27.4 (1.27.4)'],
  ['3.12-slim-bookworm', '3.12.0 (3.12)'],
  ['5.0.17_amd64', '5.0.17 (5.0.17)'],
  ['6.12.0.182', '6.12.0+182 (6.12.0.182)'],
  ['21.0.5_11-jdk', '21.0.5+11 (21.0.5)'],
])('%s is the version %s', (tag, expected) => {
  expect(read(tag)).toBe(expected);
});

test.each([
  ['3.15.0a1', '3.15.0-a.1'],
  ['3.15.0rc2-slim', '3.15.0-rc.2'],
  ['3.15-rc', '3.15.0-rc'],
  ['17beta1', '17.0.0-beta.1'],
  ['9.0.0-preview.7-alpine', '9.0.0-preview.7'],
  ['24-ea-31', '24.0.0-ea.31'],
  ['1.0.0-M3', '1.0.0-m.3'],
  ['1.0-SNAPSHOT', '1.0.0-snapshot'],
])('%s is the prerelease %s', (tag, expected) => {
  expect(tagVersion(parseTag(tag))).toMatchObject({ isPrerelease: true, version: { version: expected } });
});

test.each(['1.27-alpine', '1.27-base', '1.27-rcs', '1.27-debug', '12-b', '1.2-management'])(
  '%s is a variant, and no prerelease',
  (tag) => {
    expect(tagVersion(parseTag(tag))?.isPrerelease).toBe(false);
  },
);

test.each([
  'latest',
  'alpine',
  'jammy-20230101',
  '20230901',
  'v20230901',
  'sha-0a1b2c3',
  '1password',
  '1.2.3.4.5',
  '1.',
])('%s names no version', (tag) => {
  expect(read(tag)).toBeUndefined();
});

test('versions come newest first: releases before their prereleases, and builds by their number', () => {
  const tags = ['1.10.0', '1.9.9', '1.10.0-rc1', '1.10.0_2', '1.10.0_10', '0.1', '2-alpha2', '2-alpha10'];
  const versions = tags
    .flatMap((tag) => tagVersion(parseTag(tag)) ?? [])
    .toSorted((a, b) => byVersion(a.version, b.version));
  expect(versions.map(({ version }) => [version.version, ...version.build].join('+'))).toEqual([
    '2.0.0-alpha.10',
    '2.0.0-alpha.2',
    '1.10.0+10',
    '1.10.0+2',
    '1.10.0',
    '1.10.0-rc.1',
    '1.9.9',
    '0.1.0',
  ]);
});

test('any tag is read or not, and every number of a version is one of the tag', () => {
  const piece = fc.oneof(fc.constantFrom('1', '0', '.', '-', '_', 'rc', 'alpha', 'v', 'a', '999999999'), fc.string());
  const tag = fc
    .array(piece, { maxLength: 12 })
    .map((pieces) => pieces.join(''))
    .filter(isTag);
  fc.assert(
    fc.property(tag, (text) => {
      const version = tagVersion(text);
      if (version === undefined) return;
      expect(text.replace(/^v/, '').split(/[._-]/).map(Number).slice(0, 1)).toEqual(
        /^v?\d+(?:[._-]|$)/.test(text) ? [version.numbers[0]] : [Number.NaN],
      );
      expect(version.version.major).toBe(version.numbers[0]);
    }),
  );
});
