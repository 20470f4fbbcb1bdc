import type { Answer } from '../origin/answer.ts';
import type { Request } from '../origin/request.ts';

/** Requests by kind, those that failed too; but a 401 counts as `unauthorized`, and a 429 as `refused`, alone. */
export interface HubCounters {
  manifestGets: number;
  manifestHeads: number;
  /** Requests of the registry, which it redirects. */
  blobGets: number;
  cdnGets: number;
  tokenRequests: number;
  apiCalls: number;
  refused: number;
  unauthorized: number;
  manifestGetsByDigest: Map<string, number>;
}

export function noHubCounts(): HubCounters {
  return {
    manifestGets: 0,
    manifestHeads: 0,
    blobGets: 0,
    cdnGets: 0,
    tokenRequests: 0,
    apiCalls: 0,
    refused: 0,
    unauthorized: 0,
    manifestGetsByDigest: new Map(),
  };
}

export function countHubRequest(counters: HubCounters, { kind, method, path }: Request, answer: Answer): void {
  if (answer.status === 401) counters.unauthorized += 1;
  else if (answer.status === 429) counters.refused += 1;
  else if (kind === 'token') counters.tokenRequests += 1;
  else if (kind === 'api') counters.apiCalls += 1;
  else if (kind === 'manifest' && method === 'HEAD') counters.manifestHeads += 1;
  else if (kind === 'cdn' && method === 'GET') counters.cdnGets += 1;
  else if (kind === 'blob' && method === 'GET') counters.blobGets += 1;
  else if (kind === 'manifest' && method === 'GET') countManifestGet(counters, path, answer);
}

function countManifestGet(counters: HubCounters, path: string, { headers }: Answer): void {
  const reference = path.slice(path.lastIndexOf('/') + 1);
  const digest = reference.includes(':') ? reference : headers['docker-content-digest'];
  counters.manifestGets += 1;
  if (digest === undefined) return;
  counters.manifestGetsByDigest.set(digest, (counters.manifestGetsByDigest.get(digest) ?? 0) + 1);
}
