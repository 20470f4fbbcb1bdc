import type { ResponseHeaders } from './send.ts';

/** What Docker Hub says of its pull limit on each manifest answer (docker-hub documentation, "usage and limits"). */
export interface PullLimit {
  readonly limit: number;
  readonly remaining: number;
  readonly windowSeconds: number;
  /** Who is charged: an address or an account. */
  readonly source?: string | undefined;
}

/** The window that was customary before headers named it. */
export const DEFAULT_WINDOW_SECONDS = 21_600;

/** `undefined` when the answer has no such headers: then nothing is metered. Both parts have the form `N;w=SECONDS`. */
export function parsePullLimit(headers: ResponseHeaders): PullLimit | undefined {
  const limit = parseQuota(headers.get('ratelimit-limit'));
  const remaining = parseQuota(headers.get('ratelimit-remaining'));
  if (limit === undefined || remaining === undefined) return undefined;
  const source = headers.get('docker-ratelimit-source');
  return {
    limit: limit.count,
    remaining: remaining.count,
    windowSeconds: limit.windowSeconds ?? remaining.windowSeconds ?? DEFAULT_WINDOW_SECONDS,
    ...(source !== undefined && { source }),
  };
}

function parseQuota(text: string | undefined): { count: number; windowSeconds: number | undefined } | undefined {
  const match = /^\s*(\d{1,9})\s*(?:;.*?\bw\s*=\s*(\d{1,9}))?/.exec(text ?? '');
  if (match === null) return undefined;
  return { count: Number(match[1]), windowSeconds: match[2] === undefined ? undefined : Number(match[2]) };
}
