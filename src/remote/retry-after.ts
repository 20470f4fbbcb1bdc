import type { ResponseHeaders } from './send.ts';

/** No server makes us wait longer than this on its word alone. */
const LONGEST_MS = 6 * 60 * 60 * 1000;

/**
 * How long an answer asks us to wait: `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), or the Hub API's
 * `X-Retry-After`, which is a moment in Unix seconds. `undefined` when it does not say, or says nonsense.
 */
export function retryAfterMs(headers: ResponseHeaders, nowMs: number): number | undefined {
  const moment = headers.get('x-retry-after');
  if (moment !== undefined && /^\d{1,12}$/.test(moment)) return clamp(Number(moment) * 1000 - nowMs);
  const value = headers.get('retry-after')?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d{1,9}$/.test(value)) return clamp(Number(value) * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : clamp(date - nowMs);
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), LONGEST_MS);
}
