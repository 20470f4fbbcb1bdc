// Proves that a store is whole, beside processes that serve it, push to it and collect its garbage. Whatever looks wrong
// is asked about once more, in the order in which the others work: bytes come before the rows that give them to a
// repository, and go after them. Bytes that nobody knows of are garbage, and no finding.
import type { BlobStore } from '../content/blob-store.ts';
import type { Inspection } from '../metadata/inspection.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import { checkBlobs } from './check-blobs.ts';
import type { CheckEvent, Finding } from './check-finding.ts';
import { checkManifestBytes, checkParts, checkTags } from './check-manifests.ts';
import type { Sample } from './check-sample.ts';
import type { Repairs } from './repair-content.ts';

export interface CheckedStore {
  readonly metadata: MetadataStore;
  readonly inspection: Inspection;
  readonly content: BlobStore;
}

export interface CheckOptions {
  /** How many of the blobs are hashed; all where nothing is said. All else is always checked whole. */
  readonly sample?: Sample | undefined;
  /** Decides which blobs are in the sample. */
  readonly seed: string;
  /** Leaves corrupt blobs where they are, and goes on serving them. */
  readonly leaveCorrupt?: boolean | undefined;
  /** Mends what is found, as far as that is possible. */
  readonly repairs?: Repairs | undefined;
  readonly onEvent?: ((event: CheckEvent) => void) | undefined;
  /** Ends the check within a chunk of a blob; nothing is left half done. */
  readonly signal?: AbortSignal | undefined;
}

export interface CheckTotals {
  /** Those that were hashed. */
  readonly blobs: { readonly checked: number; readonly bytes: number };
  readonly manifests: number;
  readonly findings: number;
  readonly repaired: number;
}

/** What the parts of a check share. */
export interface Check extends CheckedStore, CheckOptions {
  readonly onEvent: (event: CheckEvent) => void;
  readonly found: (finding: Finding) => void;
}

const MAX_PROBLEMS = 10;

/** Findings are told as events, as soon as they are made and, where they can be, mended. */
export async function checkStore(store: CheckedStore, options: CheckOptions): Promise<CheckTotals> {
  const blobs = { checked: 0, bytes: 0 };
  const totals = { blobs, manifests: 0, findings: 0, repaired: 0 };
  const onEvent = (event: CheckEvent) => {
    if (event.type === 'hashed') blobs.checked += 1;
    if (event.type === 'bytes') blobs.bytes += event.count;
    options.onEvent?.(event);
  };
  const found = (finding: Finding) => {
    totals.findings += 1;
    if (finding.repaired) totals.repaired += 1;
    onEvent({ type: 'found', finding });
  };
  const check: Check = { ...store, ...options, onEvent, found };
  if (!(await isDatabaseSound(check))) return totals;
  totals.manifests = await checkManifestBytes(check);
  await checkBlobs(check);
  await checkParts(check);
  await checkTags(check);
  return totals;
}

async function isDatabaseSound({ inspection, found }: Check): Promise<boolean> {
  const problems = await inspection.problems(MAX_PROBLEMS);
  for (const problem of problems) {
    const message = `the database of the store is damaged: ${problem}; nothing else was checked: restore it from a backup`;
    found({ kind: 'database', repositories: [], message, repaired: false });
  }
  return problems.length === 0;
}
