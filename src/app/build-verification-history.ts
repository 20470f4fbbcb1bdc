// What this machine knows of what tags meant: from the store's tags, from what it copied, and from what it asked last.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { UpstreamConfig } from '../config/config.ts';
import { ResolvedTags } from '../journal/resolved-tags.ts';
import type { Platform } from '../oci/platform.ts';
import type { Tag } from '../oci/reference.ts';
import { folderOf } from '../pull-through/which-repository.ts';
import { JobState } from '../sync/job-state.ts';
import type { PastOf, TagHistory, WantedTags } from '../verify/authority-answers.ts';
import { nameThere } from '../verify/names-there.ts';
import type { PastMeaning } from '../verify/staleness.ts';
import type { OpenMirror } from './build-verification-mirrors.ts';
import type { Session } from './session.ts';

const MOVES_READ = 50;
/** What jobs are called that come from flags. */
const JOBS_OF_FLAGS = ['library', 'images'];

/** Nothing is created where there is no journal and no store. */
export function historyOf(session: Session, mirrors: readonly OpenMirror[]): TagHistory {
  return {
    async pastOf(wanted): Promise<PastOf> {
      const remembered = rememberedBy(session, wanted);
      const copied = copiedTo(session, mirrors, wanted);
      return async (tag) => [...(await movesOf(session, wanted, tag)), ...copied(tag), ...(remembered.get(tag) ?? [])];
    },
  };
}

function rememberedBy(session: Session, { authority, repository }: WantedTags): Map<Tag, PastMeaning[]> {
  const config = session.config.upstreams.get(authority.name);
  if (session.journal === undefined || config === undefined) return new Map();
  const memory = new ResolvedTags(session.journal, memoryName(config));
  const past = [...memory.recall(repository).tags].map(([tag, { digest, updatedAt = '' }]) => {
    const atMs = Date.parse(updatedAt);
    return [tag, [{ digest, by: 'the journal', ...(!Number.isNaN(atMs) && { at: new Date(atMs) }) }]] as const;
  });
  return new Map(past.map(([tag, meanings]) => [tag, [...meanings]]));
}

/** As the session calls it. */
function memoryName({ name, hubApi, url }: UpstreamConfig): string {
  return `${name} at ${hubApi ?? url}`;
}

function copiedTo(session: Session, mirrors: readonly OpenMirror[], { authority, repository }: WantedTags) {
  const { journal } = session;
  if (journal === undefined) return () => [];
  const jobs: { name: string; platforms: readonly Platform[] }[] = [
    ...session.config.sync.map(({ name, platforms }) => ({ name, platforms: platforms === 'all' ? [] : platforms })),
    ...JOBS_OF_FLAGS.map((name) => ({ name, platforms: [] })),
  ];
  const known = mirrors.flatMap(({ name, registry, templateFor }) => {
    if (registry === undefined) return [];
    const template = templateFor(authority.name);
    const target = { name, url: registry.url.href, template, registry };
    const there = nameThere(template, authority.name, repository);
    return jobs.map((job) => new JobState(journal, job.name, [target], job.platforms).copiedTo(target).in(there));
  });
  return (tag: Tag): PastMeaning[] =>
    known.flatMap((copied) => {
      const one = copied.get(tag);
      return one === undefined ? [] : [{ digest: one.sourceDigest, at: one.checkedAt, by: 'the journal' }];
    });
}

async function movesOf(session: Session, { authority, repository }: WantedTags, tag: Tag): Promise<PastMeaning[]> {
  const { dataFolder, defaultUpstream } = session.config;
  if (!existsSync(path.join(dataFolder, 'metadata-v1'))) return [];
  const { metadata } = await session.store();
  const template = authority.name === defaultUpstream ? '{repository}' : `${folderOf(authority.name)}/{repository}`;
  const moves = await metadata.tagHistory(nameThere(template, authority.name, repository), tag, MOVES_READ);
  return moves.flatMap(({ digest, at, upstream }, nth): PastMeaning[] => {
    if (digest === undefined || upstream !== authority.name) return [];
    const until = moves[nth - 1]?.at;
    return [{ digest, at, by: 'our store', ...(until !== undefined && { until }) }];
  });
}
