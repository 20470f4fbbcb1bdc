import type { Catalog } from '../catalog/catalog.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call, DeletesTags, ListsTags, Target } from '../oci/repository.ts';
import type { ProjectCreator } from '../remote/project-creator.ts';
import type { Upstream } from '../remote/upstream.ts';
import type { StateCarrier } from './carried/state-carrier.ts';
import type { JobState } from './job-state.ts';
import type { Selection } from '../select/select-images.ts';

/** What is wanted, from where, and where to. */
export interface SyncJob {
  readonly name: string;
  readonly upstream: Upstream;
  readonly catalog: Catalog;
  readonly selection: Selection;
  /** How long a tag that nobody wants any more stays at the targets; `Infinity` is for ever. */
  readonly pruneAfterMs: number;
  /** What earlier runs left; without it each run is the first one. */
  readonly state?: JobState | undefined;
  /** Brings that state from a target, and back there at the end. */
  readonly carrier?: StateCarrier | undefined;
  /** At least one. Those after the first are filled from the first, so nothing is fetched twice. */
  readonly targets: readonly SyncTarget[];
}

export interface SyncTarget {
  /** What reports call it: `registry.example.com`. */
  readonly name: string;
  /** Where it is: what is remembered of one address is not believed of another. */
  readonly url: string;
  /** From upstream names to names there: oci/template.ts. */
  readonly template: string;
  readonly registry: TargetRegistry;
  /** Makes room for what is copied, where the registry wants projects; without it nothing is made. */
  readonly projects?: ProjectCreator | undefined;
}

interface TargetRegistry {
  /** Whether its repositories do: oci/repository.ts. */
  readonly keepsSparseIndexes?: boolean | undefined;
  readonly traffic: Traffic;
  repository(name: RepositoryName): Target & ListsTags & DeletesTags & TriesPush;
}

interface TriesPush {
  /** Throws what forbids a push, before anything has been fetched for it. */
  tryToPush(call?: Call): Promise<void>;
}
