import type { Cost } from '../copy/cost.ts';

/** What happens in a run, for whoever shows it. A run never prints. */
export type SyncEvent =
  | { readonly type: 'listed'; readonly repositories: number; readonly images: number; readonly tags: number }
  | { readonly type: 'notice'; readonly message: string }
  /** A repository is resolved: so many of its images are to be copied, at most at this cost, and so many are right. */
  | {
      readonly type: 'planned';
      readonly repository: string;
      readonly toCopy: number;
      readonly settled: number;
      readonly cost: Cost;
    }
  | { readonly type: 'started'; readonly reference: string }
  | { readonly type: 'bytes'; readonly count: number }
  | {
      readonly type: 'finished';
      readonly reference: string;
      readonly outcome: 'copied' | 'upToDate' | 'deferred' | 'failed';
      readonly tags: number;
      readonly message?: string | undefined;
    };

export type OnSyncEvent = (event: SyncEvent) => void;
