// Keeps the state of a job at its target, for runs that find nothing on their disk. The state is belief, and no more: a
// run without it looks at everything, and two runs at once that overwrite each other cost the next one some requests.
import { createHash } from 'node:crypto';
import type { Clock } from '../../async/clock.ts';
import { withinDeadline } from '../../async/deadline.ts';
import type { Digest } from '../../oci/digest.ts';
import { OciError, isNotFound } from '../../oci/errors.ts';
import { type RepositoryName, type Tag, parseRepositoryName, parseTag } from '../../oci/reference.ts';
import type { Call } from '../../oci/repository.ts';
import { expandTemplate } from '../../oci/template.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { makeProjects } from '../../remote/project-creator.ts';
import { RemoteError } from '../../remote/remote-error.ts';
import type { SyncTarget } from '../job.ts';
import type { JobState } from '../job-state.ts';
import { NOTHING, type Snapshot, mergeSnapshots, restoreSnapshot, takeSnapshot } from './snapshot.ts';
import { UnusableState, decodeSnapshot, encodeSnapshot } from './snapshot-lines.ts';
import { readState, writeState } from './state-artifact.ts';

export interface StateCarrierOptions {
  /** The job's name. */
  readonly job: string;
  readonly upstream: string;
  readonly state: JobState;
  /** All of the job. */
  readonly targets: readonly SyncTarget[];
  /** The one of them that keeps the state. */
  readonly keeper: SyncTarget;
  readonly clock: Clock;
}

/** A runner that is told to stop has some seconds left. */
const KEEP_WITHIN_MS = 120_000;
const KEEP_WITHIN_WHEN_STOPPED_MS = 5_000;

export class StateCarrier {
  readonly #options: StateCarrierOptions;
  readonly #name: RepositoryName;
  readonly #tag: Tag;
  #brought: Digest | undefined;

  /** Throws UsageError where the target's template makes no repository name of ours. */
  constructor(options: StateCarrierOptions) {
    this.#options = options;
    this.#name = stateRepository(options.keeper, options.upstream);
    this.#tag = stateTag(options.job);
  }

  /** Makes the journal know what the target keeps, and nothing else of the job. Gives sentences for the report. */
  async bring({
    isAnew = false,
    signal,
  }: Call & { readonly isAnew?: boolean | undefined }): Promise<readonly string[]> {
    const { state, targets } = this.#options;
    let snapshot = NOTHING;
    let notice: string | undefined;
    try {
      this.#brought = await this.#current({ signal });
      if (!isAnew && this.#brought !== undefined) snapshot = await this.#read(this.#brought, { signal });
      if (this.#brought === undefined)
        notice = `no state of the job is kept at ${this.#place} yet, so all is looked at`;
    } catch (error) {
      signal?.throwIfAborted();
      notice = `${this.#sentenceOf(error)}, so all is looked at`;
    }
    await restoreSnapshot(snapshot, state, targets);
    return notice === undefined ? [] : [notice];
  }

  /** Has the target keep what the journal knows by now. Throws only for a failing disk: else the next run merely looks at more. */
  async keep({ isStopped }: { readonly isStopped: boolean }): Promise<readonly string[]> {
    const { clock } = this.#options;
    const ms = isStopped ? KEEP_WITHIN_WHEN_STOPPED_MS : KEEP_WITHIN_MS;
    const reason = () => new UnusableState(`could not be written within ${ms / 1000} seconds`);
    try {
      return await withinDeadline({ clock, ms, reason }, (signal) => this.#keep({ signal }));
    } catch (error) {
      return [`${this.#sentenceOf(error)}, so the next run looks at more than it had to`];
    }
  }

  async #keep(call: Call): Promise<readonly string[]> {
    const { state, targets, keeper, clock } = this.#options;
    const made = keeper.projects && (await makeProjects(keeper.projects, keeper.name, [this.#name], call));
    const mine = takeSnapshot(state, targets, clock.now());
    const theirs = await this.#theirs(call);
    const bytes = await encodeSnapshot(theirs === undefined ? mine : mergeSnapshots(mine, theirs), state.scope);
    await writeState(this.#repository, this.#tag, bytes, { ...call, createdAt: new Date(clock.now()) });
    return made ?? [];
  }

  /** What another run has kept since ours began, if it can be read. */
  async #theirs(call: Call): Promise<Snapshot | undefined> {
    const current = await this.#current(call);
    if (current === undefined || current === this.#brought) return undefined;
    try {
      return await this.#read(current, call);
    } catch (error) {
      if (error instanceof UnusableState || error instanceof RemoteError) return undefined;
      throw error;
    }
  }

  async #current(call: Call): Promise<Digest | undefined> {
    try {
      return (await this.#repository.resolve(this.#tag, call)).descriptor.digest;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #read(digest: Digest, call: Call): Promise<Snapshot> {
    return await decodeSnapshot(await readState(this.#repository, digest, call), this.#options.state.scope);
  }

  get #repository() {
    return this.#options.keeper.registry.repository(this.#name);
  }

  get #place(): string {
    return `${this.#options.keeper.name}/${this.#name}:${this.#tag}`;
  }

  #sentenceOf(error: unknown): string {
    const what = `the state of the job at ${this.#place}`;
    if (error instanceof UnusableState) return `${what} ${error.message}`;
    if (error instanceof RemoteError || error instanceof OciError) return `${what} is out of reach: ${error.message}`;
    throw error;
  }
}

/** Beside what is copied, below the same prefix: the account can push there if it can push at all. */
function stateRepository({ template, name }: SyncTarget, upstream: string): RepositoryName {
  const text = expandTemplate(template, { repository: 'wharf/state', name: 'wharf/state', upstream });
  try {
    return parseRepositoryName(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new UsageError(`the state of the job cannot be kept at ${name}: "${text}" is not a repository name`);
  }
}

/** Jobs made of flags may have spaces in their names. */
export function stateTag(job: string): Tag {
  const text = job.replaceAll(/[^\w.-]/g, '-').slice(0, 100);
  const isSame = text === job && /^\w/.test(text);
  return parseTag(isSame ? text : `job-${text}-${createHash('sha256').update(job).digest('hex').slice(0, 8)}`);
}
