// The shapes of hub.docker.com's answers.
import type { HubRepository } from './hub-repository.ts';
import type { Entry } from './generate-images.ts';
import { nameHash } from './name-hash.ts';

/** One tag as the web API tells it. Some tags have no `digest` of their own there. */
export function tagEntry(repositoryName: string, repository: HubRepository, tag: string): object | undefined {
  const built = repository.built(tag);
  if (built === undefined) return undefined;
  const updatedAt = timestamp(repository.updatedAt(tag));
  const id = nameHash(`${repositoryName}:${tag}`);
  return {
    creator: 1156886,
    id,
    images: built.entries.map((entry) => imageEntry(entry, timestamp(built.updatedAt))),
    last_updated: updatedAt,
    last_updater: 1156886,
    last_updater_username: 'doijanky',
    name: tag,
    repository: nameHash(repositoryName),
    full_size: built.entries[0]?.sizeBytes ?? 0,
    v2: true,
    tag_status: 'active',
    status: 'active',
    tag_last_pulled: updatedAt,
    tag_last_pushed: updatedAt,
    media_type: built.manifest.mediaType,
    content_type: 'image',
    ...(id % 16 === 0 ? {} : { digest: built.manifest.digest }),
  };
}

/** One repository as the web API tells it. */
export function repositoryEntry(fullName: string, updatedAt: Date): object {
  const [namespace, ...rest] = fullName.split('/');
  return {
    name: rest.join('/'),
    namespace,
    repository_type: 'image',
    status: 1,
    status_description: 'active',
    description: '',
    is_private: false,
    star_count: nameHash(fullName) % 10_000,
    pull_count: nameHash(fullName),
    last_updated: timestamp(updatedAt),
    media_types: [],
    content_types: ['image'],
    categories: [],
    storage_size: 0,
  };
}

function imageEntry({ descriptor, sizeBytes }: Entry, pushedAt: string): object {
  const { digest, platform } = descriptor;
  return {
    architecture: platform?.architecture ?? 'unknown',
    features: '',
    variant: platform?.variant ?? null,
    digest,
    os: platform?.os ?? 'unknown',
    os_features: '',
    os_version: platform?.['os.version'] ?? null,
    size: sizeBytes,
    status: 'active',
    last_pulled: pushedAt,
    last_pushed: pushedAt,
  };
}

function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, '.000000Z');
}
