import { expect, test } from 'vitest';
import { parsePattern } from '../oci/pattern.ts';
import { parseTag } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RemoteError } from '../remote/remote-error.ts';
import { registryCatalog } from './registry-catalog.ts';

const TAGS: Readonly<Record<string, readonly string[] | RemoteError | undefined>> = {
  'team/app': ['1', '2'],
  'team/sub/app': ['3'],
  'other/app': ['4'],
  'team/gone': undefined,
  'team/locked': new RemoteError('quay.io', 'DENIED', 'denies access to the tags of team/locked'),
};

function catalogWith(patterns: readonly string[], listed: readonly string[] | RemoteError = Object.keys(TAGS)) {
  return registryCatalog({
    host: 'quay.io',
    upstream: 'quay.io',
    repositories: patterns.map(parsePattern),
    listRepositories: async () => {
      if (listed instanceof Error) throw listed;
      return listed;
    },
    repositoryOf: (name) => ({
      async listTags() {
        const tags = TAGS[name];
        if (tags instanceof Error) throw tags;
        return tags && new Set(tags.map(parseTag));
      },
    }),
  });
}

const lines = async (...patterns: string[]) => {
  const { images } = await catalogWith(patterns).list();
  return images.map(({ name, tags }) => `${name}:${tags.join()}`);
};

test('a registry wants all tags of the repositories that the patterns choose', async () => {
  expect(await lines('team/*')).toEqual(['quay.io/team/app:1', 'quay.io/team/app:2']);
  expect(await lines('team/**', 'other/app')).toEqual([
    'quay.io/team/app:1',
    'quay.io/team/app:2',
    'quay.io/team/sub/app:3',
    'quay.io/other/app:4',
  ]);
});

test('a repository that cannot be listed is reported, and one that has gone is not', async () => {
  const { images, problems } = await catalogWith(['**']).list();
  expect(images).toHaveLength(4);
  expect(problems).toEqual([
    { file: 'quay.io/team/locked', message: 'quay.io denies access to the tags of team/locked' },
  ]);
});

test('names without a star are not looked for in the list, which many registries do not have', async () => {
  const unlisted = new RemoteError('quay.io', 'UNSUPPORTED', 'does not allow this for the list of its repositories');
  const { images } = await catalogWith(['team/app', 'other/app'], unlisted).list();
  expect(images).toHaveLength(3);
  await expect(catalogWith(['team/*'], unlisted).list()).rejects.toThrow(UsageError);
});

test('what is no repository name in the list is passed over', async () => {
  const { images, problems } = await catalogWith(['**'], ['../etc', 'Upper', '', 'other/app']).list();
  expect([images.length, problems]).toEqual([1, []]);
});
