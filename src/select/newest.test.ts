import { describe, expect, test } from 'vitest';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import type { CatalogImage } from '../catalog/catalog.ts';
import { latestPatches, newestByDate, newestVersions } from './newest.ts';

/** Each text is an image, its tags between commas. */
const images = (...texts: string[]) => texts.map((text) => catalogImage('x', text.split(',')));
const tagsOf = (chosen: readonly CatalogImage[]) => chosen.map(({ tags }) => tags.join());

describe('the newest versions', () => {
  test('are counted, not their tags: each comes with all its variants', () => {
    const all = images('1.26.2', '1.27.0', '1.27.0-alpine', '1.27.1', '1.27.1-alpine', '1.25.9');
    expect(tagsOf(newestVersions(all, 2))).toEqual(['1.27.0', '1.27.0-alpine', '1.27.1', '1.27.1-alpine']);
  });

  test('are no short tags, which go with the newest that they may mean', () => {
    const all = images('1', '1.26', '1.26.2', '1.27', '1.27-alpine', '1.27.1', '2', '2.0', '2.0.0');
    expect(tagsOf(newestVersions(all, 1))).toEqual(['2', '2.0', '2.0.0']);
    expect(tagsOf(newestVersions(all, 2))).toEqual(['1', '1.27', '1.27-alpine', '1.27.1', '2', '2.0', '2.0.0']);
  });

  test('are short where there is nothing longer', () => {
    expect(tagsOf(newestVersions(images('15', '16', '16.1', '17', '17.2', '17.1'), 2))).toEqual(['17', '17.2', '17.1']);
  });

  test('keep whatever else is known to be the same image', () => {
    const all = images('1.27.1,1.27,1,latest', '1.26.2,1.26,stable', 'nightly');
    expect(tagsOf(newestVersions(all, 1))).toEqual(['1.27.1,1.27,1,latest']);
  });

  test('may be prereleases, which are newer than the release before and stand for no short tag', () => {
    const all = images('3.15.0rc1', '3.15-rc', '3.14.1', '3.14', '3');
    expect(tagsOf(newestVersions(all, 1))).toEqual(['3.15.0rc1']);
    expect(tagsOf(newestVersions(all, 3))).toEqual(['3.15.0rc1', '3.15-rc', '3.14.1', '3.14', '3']);
  });

  test('are none where no tag is a version', () => {
    expect(newestVersions(images('latest', 'nightly'), 5)).toEqual([]);
  });
});

describe('the latest patches', () => {
  test('are one of each minor version, with all its variants and short tags', () => {
    const all = images(
      '1.26.1',
      '1.26.2',
      '1.26.2-slim',
      '1.26',
      '1.27.0',
      '1.27.10',
      '1.27.9',
      '1',
      'latest',
      '2.0.0-rc1',
    );
    expect(tagsOf(latestPatches(all))).toEqual(['1.26.2', '1.26.2-slim', '1.26', '1.27.10', '1', '2.0.0-rc1']);
  });
});

describe('the newest by date', () => {
  const dated = (...times: (number | undefined)[]): CatalogImage[] =>
    times.map((updatedAtMs, nth) => ({ ...catalogImage('x', [`t${nth}`]), updatedAtMs }));

  test('are those that were moved last, in the order of the catalog', () => {
    expect(tagsOf(newestByDate(dated(10, 40, 20, 30), 2) ?? [])).toEqual(['t1', 't3']);
  });

  test('are not known where the date of one is not', () => {
    expect(newestByDate(dated(10, undefined), 1)).toBeUndefined();
  });
});
