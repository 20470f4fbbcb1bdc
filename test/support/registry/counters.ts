import type { Answer } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';

/** Requests by kind, those that failed too, but for 401s: these count as `unauthorized` alone. */
export interface RegistryCounters {
  manifestGets: number;
  manifestHeads: number;
  manifestPuts: number;
  blobGets: number;
  blobHeads: number;
  /** Blobs stored from bytes that were sent: by PUT or by a single POST. */
  blobPuts: number;
  /** Blobs made visible without sending them. */
  mounts: number;
  uploadsStarted: number;
  patches: number;
  deletes: number;
  tagLists: number;
  catalogs: number;
  tokenRequests: number;
  unauthorized: number;
  requests: number;
  blobPutsByDigest: Map<string, number>;
}

export function noRegistryCounts(): RegistryCounters {
  return {
    manifestGets: 0,
    manifestHeads: 0,
    manifestPuts: 0,
    blobGets: 0,
    blobHeads: 0,
    blobPuts: 0,
    mounts: 0,
    uploadsStarted: 0,
    patches: 0,
    deletes: 0,
    tagLists: 0,
    catalogs: 0,
    tokenRequests: 0,
    unauthorized: 0,
    requests: 0,
    blobPutsByDigest: new Map(),
  };
}

type PlainCounter = Exclude<keyof RegistryCounters, 'blobPutsByDigest'>;

const COUNTER_OF: Readonly<Record<string, PlainCounter>> = {
  'GET manifest': 'manifestGets',
  'HEAD manifest': 'manifestHeads',
  'PUT manifest': 'manifestPuts',
  'GET blob': 'blobGets',
  'HEAD blob': 'blobHeads',
  'PATCH upload': 'patches',
  'DELETE manifest': 'deletes',
  'DELETE blob': 'deletes',
  'GET tags': 'tagLists',
  'GET catalog': 'catalogs',
  'GET token': 'tokenRequests',
};

export function countRegistryRequest(counters: RegistryCounters, { kind, method }: Request, answer: Answer): void {
  counters.requests += 1;
  if (answer.status === 401) {
    counters.unauthorized += 1;
    return;
  }
  const counter = COUNTER_OF[`${method} ${kind}`];
  if (counter !== undefined) counters[counter] += 1;
  if (kind !== 'upload' && kind !== 'mount') return;
  if (method === 'POST' && answer.status === 202) counters.uploadsStarted += 1;
  if (answer.status === 201) countStoredBlob(counters, kind, answer.headers['docker-content-digest'] ?? '');
}

function countStoredBlob(counters: RegistryCounters, kind: 'upload' | 'mount', digest: string): void {
  if (kind === 'mount') {
    counters.mounts += 1;
    return;
  }
  counters.blobPuts += 1;
  counters.blobPutsByDigest.set(digest, (counters.blobPutsByDigest.get(digest) ?? 0) + 1);
}
