import type { Session } from '../app/session.ts';
import type { SyncJobConfig } from '../config/config.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type SyncFlags, jobsFromFlags, namesImages, stateFromFlags } from './sync-flags.ts';
import type { CommandContext } from './terminal.ts';

/** The jobs that are meant: those of the flags, or of the configuration by name. Throws UsageError. */
export async function chooseJobs(
  names: readonly string[],
  flags: SyncFlags,
  session: Session,
  { terminal }: CommandContext,
): Promise<readonly SyncJobConfig[]> {
  const state = stateFromFlags(flags);
  const sync = session.config.sync.map((job) => (state === undefined ? job : { ...job, state }));
  if (namesImages(flags)) {
    if (names.length > 0)
      throw new UsageError(`"${names.join(' ')}" names jobs, and flags name images; do one or the other`);
    return await jobsFromFlags(flags, terminal);
  }
  if (names.length === 0 && sync.length > 0) return sync;
  if (sync.length === 0) {
    throw new UsageError(
      'nothing to sync: there is no job in a configuration; try `wharf sync --library --to registry.example.com`',
    );
  }
  return names.map((name) => {
    const job = sync.find((candidate) => candidate.name === name);
    if (job !== undefined) return job;
    throw new UsageError(`there is no job "${name}"; there are ${sync.map((known) => known.name).join(', ')}`);
  });
}
