import type { Catalog } from '../catalog/catalog.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Call, ListsTags, Target } from '../oci/repository.ts';
import type { Upstream } from '../remote/upstream.ts';
import type { Selection } from '../select/select-images.ts';

/** What is wanted, from where, and where to. */
export interface SyncJob {
  readonly name: string;
  readonly upstream: Upstream;
  readonly catalog: Catalog;
  readonly selection: Selection;
  /** At least one. Those after the first are filled from the first, so nothing is fetched twice. */
  readonly targets: readonly SyncTarget[];
}

export interface SyncTarget {
  /** What reports call it: `registry.example.com`. */
  readonly name: string;
  /** From upstream names to names there: oci/template.ts. */
  readonly template: string;
  readonly registry: TargetRegistry;
}

interface TargetRegistry {
  readonly traffic: Traffic;
  repository(name: RepositoryName): Target & ListsTags & TriesPush;
}

interface TriesPush {
  /** Throws what forbids a push, before anything has been fetched for it. */
  tryToPush(call?: Call): Promise<void>;
}
