// From a job's configuration to the job: which catalog, which upstream, which targets.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { listCatalog } from '../catalog/list-file.ts';
import { officialImages } from '../catalog/official-images/official-images-catalog.ts';
import type { CatalogConfig, SelectionConfig, SyncJobConfig } from '../config/config.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type Pattern, parsePattern } from '../oci/pattern.ts';
import type { Selection } from '../select/select-images.ts';
import { JobState } from '../sync/job-state.ts';
import type { SyncJob } from '../sync/job.ts';
import type { Session } from './session.ts';

/** Throws UsageError for what cannot be read, and for settings that no part of the program honours yet. */
export async function buildJob(config: SyncJobConfig, session: Session): Promise<SyncJob> {
  refuseWhatIsNotBuilt(config);
  const selection = await buildSelection(config);
  const targets = await Promise.all(config.to.map((target) => session.target(target, config)));
  return {
    name: config.name,
    upstream: session.upstream(config.from),
    catalog: buildCatalog(config.catalog, config.from, session),
    selection,
    targets,
    pruneAfterMs: config.pruneAfterMs,
    state: session.journal && new JobState(session.journal, config.name, targets, selection.platforms),
  };
}

export function buildCatalog(config: CatalogConfig, upstream: string, session: Session): Catalog {
  switch (config.kind) {
    case 'official-images':
      return officialImages({
        repository: config.repository,
        revision: config.revision,
        cacheDirectory: path.join(session.config.dataFolder, 'git'),
        now: () => new Date(),
      });
    case 'images':
      return listCatalog({
        description: 'the images that were named',
        upstream,
        read: () => Promise.resolve({ text: config.images.join('\n'), file: 'images' }),
      });
    case 'file':
      return listCatalog({
        description: `the list ${config.file}`,
        upstream,
        read: async () => ({ text: await readList(config.file), file: config.file }),
      });
    case 'hub':
    case 'registry':
      throw new UsageError(
        `a catalog of the kind "${config.kind}" is not built yet; use officialImages, file or images`,
      );
  }
}

export async function buildSelection(
  config: Pick<SyncJobConfig, 'include' | 'exclude' | 'platforms'>,
): Promise<Selection> {
  return {
    include: await readPatterns(config.include),
    exclude: await readPatterns(config.exclude),
    platforms: config.platforms === 'all' ? [] : config.platforms,
  };
}

async function readPatterns({ patterns, files }: SelectionConfig): Promise<Pattern[]> {
  const lists = await Promise.all(files.map(readList));
  const lines = lists.flatMap((list) => list.split(/\r?\n/).map((line) => line.trim()));
  return [...patterns, ...lines.filter((line) => line !== '' && !line.startsWith('#'))].map(parsePattern);
}

async function readList(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the list ${file} cannot be read: ${(error as Error).message}`);
  }
}

function refuseWhatIsNotBuilt({ name, semver, newest, minAgeMs, state }: SyncJobConfig): void {
  const unbuilt = [
    semver.range !== undefined || semver.byName.size > 0 ? 'semver' : undefined,
    newest === undefined ? undefined : 'newest',
    minAgeMs > 0 ? 'minAge' : undefined,
    state === 'target' ? 'state: target' : undefined,
  ].filter((setting) => setting !== undefined);
  if (unbuilt.length > 0) throw new UsageError(`the job ${name} sets ${unbuilt.join(', ')}, which is not built yet`);
}
