// When a tag is asked about again, and how long an answer is of use when its upstream gives none. Pure.
import type { Tag } from '../oci/reference.ts';

export interface FreshnessPolicy {
  /** So long after its upstream said what it means, a tag is not asked about. */
  readonly freshForMs: number;
  /** So long the answer is used when the upstream gives no other. */
  readonly staleForMs: number;
  /** Whether the tag, once known, never needs asking again. */
  readonly isImmutable: (tag: Tag) => boolean;
}

/** Who insists is heard no more often than this for one tag. */
const INSISTENCE_MS = 10_000;

export interface Age {
  readonly asOfMs: number;
  readonly nowMs: number;
}

/** Whether the answer can be given without asking. A clock that was set back makes nothing fresh for ever. */
export function isFresh(tag: Tag, { asOfMs, nowMs }: Age, { freshForMs, isImmutable }: FreshnessPolicy): boolean {
  const ageMs = nowMs - asOfMs;
  return (ageMs < freshForMs && ageMs > -freshForMs) || isImmutable(tag);
}

/** The same for a client that does not want to hear what was known before: RFC 9111 §5.2.1.4. */
export function isFreshForInsistent({ asOfMs, nowMs }: Age): boolean {
  return Math.abs(nowMs - asOfMs) < INSISTENCE_MS;
}

/** Whether it is better than nothing. */
export function isUsableStale({ asOfMs, nowMs }: Age, { staleForMs }: FreshnessPolicy): boolean {
  return nowMs - asOfMs <= staleForMs;
}
