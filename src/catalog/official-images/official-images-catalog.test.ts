import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatPlatform } from '../../oci/platform.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { CatalogListing } from '../catalog.ts';
import { OFFICIAL_IMAGES_REPOSITORY, officialImages } from './official-images-catalog.ts';

const SMALL_LIBRARY = join(import.meta.dirname, '../../../test/support/library');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-catalog-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function catalogOf(repository?: string, revision?: string) {
  return officialImages({ repository, revision, cacheDirectory: join(folder, 'cache'), now: () => new Date() });
}

function linesOf({ images }: CatalogListing): string[] {
  return images.map(({ name, tags, platforms }) => `${name}:${tags.join()} ${platforms.map(formatPlatform).join()}`);
}

describe('official-images', () => {
  test('lists every image of a library with its tags and platforms', async () => {
    const listing = await catalogOf(SMALL_LIBRARY).list();
    expect(linesOf(listing)).toEqual([
      'alpine:3.22.1,3.22,latest linux/amd64,linux/arm/v7,linux/arm64/v8',
      'alpine:edge linux/amd64,linux/arm/v7,linux/arm64/v8',
      'busybox:1.37,latest linux/amd64',
      'hello-world:linux linux/amd64,linux/arm64/v8',
      'hello-world:nanoserver windows/amd64',
      'hello-world:latest linux/amd64,linux/arm64/v8,windows/amd64',
      'nginx:1.29,latest linux/amd64,linux/arm64/v8',
      'nginx:1.29-alpine linux/amd64,linux/arm64/v8',
      'python:3.14-slim linux/amd64,linux/arm64/v8,linux/s390x',
      'python:3.14-windowsservercore windows/amd64',
      'python:3.14,latest linux/amd64,linux/arm64/v8,linux/s390x,windows/amd64',
      'redis:8.2,8,latest linux/amd64,linux/arm64/v8',
    ]);
    expect(listing).toMatchObject({ problems: [], notices: [], revision: undefined });
    expect(new Set(listing.images.map(({ repository }) => repository))).toContain('library/hello-world');
  });

  test('lists the others when a file is broken, and says where and why', async () => {
    await cp(join(SMALL_LIBRARY, 'library'), join(folder, 'library'), { recursive: true });
    await writeFile(
      join(folder, 'library', 'nginx'),
      'Maintainers: A (@a)\n\nTags: 1.0 # x\nGitRepo: r\nGitCommit: HEAD\n',
    );
    await mkdir(join(folder, 'library', 'sub'));
    const { images, problems } = await catalogOf(folder).list();
    expect(new Set(images.map(({ name }) => name))).toEqual(
      new Set(['alpine', 'busybox', 'hello-world', 'python', 'redis']),
    );
    expect(problems).toEqual([
      { file: 'library/sub', message: 'this is a folder; only plain files are read' },
      {
        file: 'library/nginx',
        line: 5,
        message: 'GitCommit is "HEAD"; it has to be a whole commit of 40 or 64 lower-case hexadecimal digits',
      },
    ]);
  });

  test('are those of docker-library unless another repository is named, and no secret is in the description', () => {
    expect(catalogOf().description).toBe(`official-images at ${OFFICIAL_IMAGES_REPOSITORY}`);
    expect(catalogOf('https://ada:secret@example.org/x.git').description).toBe(
      'official-images at https://example.org/x.git',
    );
  });

  test('that the operating system keeps from us are an error in a sentence', async () => {
    await writeFile(join(folder, 'cache'), 'a file where the copies should go');
    const listing = catalogOf(`file://${folder}/nothing`).list();
    await expect(listing).rejects.toThrow(UsageError);
    await expect(listing).rejects.toThrow(/^official-images at file:\/\/.* cannot be read \(E\w+: /);
  });
});
