// The account of a run, as `wharf sync --json` prints it: a public format, see docs/reports.md.
import type { Traffic } from '../observe/traffic.ts';
import type { PullBudget } from '../remote/pull-ledger.ts';

export interface Counts {
  wanted: number;
  copied: number;
  upToDate: number;
  /** The catalog names it, the upstream does not have it yet. */
  pending: number;
  /** For want of pulls. */
  deferred: number;
  failed: number;
}

export interface Failure {
  readonly reference: string;
  readonly origin: 'catalog' | 'source' | 'target';
  readonly code: string;
  readonly message: string;
}

export interface SourceTraffic {
  readonly manifestGets: number;
  readonly heads: number;
  readonly apiCalls: number;
  readonly blobGets: number;
  readonly bytes: number;
}

export interface TargetTraffic {
  readonly blobPuts: number;
  readonly mounts: number;
  readonly manifestPuts: number;
  readonly bytes: number;
}

export interface BudgetReport {
  readonly limit: number;
  readonly windowSeconds: number;
  readonly remaining: number;
  readonly resetsBy: string;
}

export interface Lie {
  readonly mirror: string;
  readonly digest: string;
  readonly proof: string;
}

export interface JobReport {
  readonly name: string;
  readonly tags: Readonly<Counts>;
  readonly images: Readonly<Counts>;
  readonly sources: Readonly<Record<string, SourceTraffic>>;
  readonly targets: Readonly<Record<string, TargetTraffic>>;
  readonly failures: readonly Failure[];
  readonly notices: readonly string[];
  readonly budget: Readonly<Record<string, BudgetReport>>;
  /** Upstreams that answered and count no pulls of whoever asked. */
  readonly notMetered: readonly string[];
  /** The commit of the catalog, where it has one. */
  readonly revision?: string | undefined;
  /** How many tags of it are new or mean something else since an earlier commit: the last one that was synced. */
  readonly changes?: { readonly since: string; readonly tags: number } | undefined;
  /** Mirrors that were caught with bytes that do not hash to their digest. */
  readonly lies?: readonly Lie[] | undefined;
  readonly seconds: number;
}

export interface SyncReport {
  readonly version: 1;
  readonly jobs: readonly JobReport[];
}

export function sourceTraffic(traffic: Traffic): SourceTraffic {
  return {
    manifestGets: traffic.requests('manifestGet'),
    heads: traffic.requests('manifestHead'),
    apiCalls: traffic.requests('api'),
    blobGets: traffic.requests('blobGet'),
    bytes: traffic.receivedBytes,
  };
}

export function targetTraffic(traffic: Traffic): TargetTraffic {
  return {
    blobPuts: traffic.requests('blobPut'),
    mounts: traffic.requests('mount'),
    manifestPuts: traffic.requests('manifestPut'),
    bytes: traffic.sentBytes,
  };
}

export function budgetReport(budget: PullBudget): BudgetReport {
  const { limit, windowSeconds, remaining, resetsByMs } = budget;
  return { limit, windowSeconds, remaining: Math.max(0, remaining), resetsBy: new Date(resetsByMs).toISOString() };
}
