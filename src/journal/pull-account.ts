// What is left of an upstream's pulls, from what it said and what we sent: the arithmetic, on values.
//
// A pull counts from the moment it is logged, just before it is sent, and leaves the upstream's rolling window one
// window after it arrived there. So it is held for a moment longer than a window.
import { DEFAULT_WINDOW_SECONDS, type PullLimit } from '../remote/pull-limit.ts';

export interface PullAccount {
  readonly source: string | undefined;
  /** `undefined`: nothing was observed, or the upstream does not meter. */
  readonly limit: number | undefined;
  readonly windowMs: number;
  readonly observedAtMs: number | undefined;
  /** What others on the same account had spent, and when that was observed. */
  readonly others: number;
  readonly othersAtMs: number;
  /** Since when the upstream refuses. */
  readonly refusedAtMs: number | undefined;
}

/** How many pulls of our own were logged after a moment. */
export type PullsSince = (sinceMs: number) => number;

const LONGEST_FLIGHT_MS = 30_000;

/** No time lies in the future: where the clock was set back, things are as if they had happened now. Else the same. */
export function atMost(account: PullAccount, nowMs: number): PullAccount {
  const { observedAtMs, othersAtMs, refusedAtMs } = account;
  if (Math.max(observedAtMs ?? 0, othersAtMs, refusedAtMs ?? 0) <= nowMs) return account;
  const notLater = (ms: number | undefined) => (ms === undefined ? undefined : Math.min(ms, nowMs));
  return {
    ...account,
    observedAtMs: notLater(observedAtMs),
    othersAtMs: Math.min(othersAtMs, nowMs),
    refusedAtMs: notLater(refusedAtMs),
  };
}

/** Infinity when nothing forbids to ask. */
export function pullsLeft(account: PullAccount, pullsSince: PullsSince, nowMs: number): number {
  if (isRefusing(account, nowMs)) return 0;
  if (account.limit === undefined) return Infinity;
  const windowStartMs = nowMs - account.windowMs;
  const ownAtMost = pullsSince(windowStartMs - flightMs(account));
  // What had left the window by our reckoning, but not by the upstream's, was taken for pulls of others.
  const spent = Math.max(ownAtMost, pullsSince(windowStartMs) + othersNow(account, nowMs));
  return Math.max(0, account.limit - spent);
}

/** When all pulls are back, if nobody spends any more. */
export function allBackByMs(account: PullAccount, lastPullMs: number | undefined, nowMs: number): number {
  const { windowMs, othersAtMs, refusedAtMs = 0 } = account;
  const ownBackMs = lastPullMs === undefined ? 0 : Math.min(lastPullMs, nowMs) + windowMs + flightMs(account);
  const othersBackMs = account.others === 0 ? 0 : othersAtMs + windowMs;
  const isRefused = isRefusing(account, nowMs);
  return Math.max(nowMs, ownBackMs, othersBackMs, isRefused ? refusedAtMs + windowMs : 0);
}

/** What an answer of the upstream teaches. */
export function observe(account: PullAccount, said: PullLimit, pullsSince: PullsSince, nowMs: number): PullAccount {
  const windowMs = said.windowSeconds * 1000;
  const own = pullsSince(nowMs - windowMs);
  const others = Math.max(0, said.limit - said.remaining - own);
  // Pulls of ours that have not arrived yet hide those of others, so fewer of them are believed only after a while.
  const isHidden = others < othersNow(account, nowMs) && nowMs - account.othersAtMs <= flightMs(account);
  return {
    source: said.source ?? account.source,
    limit: said.limit,
    windowMs,
    observedAtMs: nowMs,
    others: isHidden ? account.others : others,
    othersAtMs: isHidden ? account.othersAtMs : nowMs,
    refusedAtMs: said.remaining > 0 ? undefined : account.refusedAtMs,
  };
}

/**
 * An answer without a limit. Some images are not metered where others are, so what was said of those within the last
 * window still holds.
 */
export function observeUnmetered(account: PullAccount, nowMs: number): PullAccount {
  const { limit, observedAtMs = 0, windowMs } = account;
  return limit === undefined || nowMs < observedAtMs + windowMs ? account : { ...account, limit: undefined };
}

/** A later refusal within the same window is no news: by its end everything that was spent before the first is back. */
export function refuse(account: PullAccount, nowMs: number): PullAccount {
  return isRefusing(account, nowMs) ? account : { ...account, refusedAtMs: nowMs };
}

/** Whether the upstream has refused within the last window. */
export function isRefusing({ refusedAtMs, windowMs }: PullAccount, nowMs: number): boolean {
  return refusedAtMs !== undefined && nowMs < refusedAtMs + windowMs;
}

/** Whether the upstream charges somebody else now: another address, or another account. */
export function isMoved({ source }: PullAccount, said: PullLimit): boolean {
  return source !== undefined && said.source !== undefined && source !== said.source;
}

/** The account of somebody of whom nothing is known. */
export function newAccount(): PullAccount {
  return {
    source: undefined,
    limit: undefined,
    windowMs: DEFAULT_WINDOW_SECONDS * 1000,
    observedAtMs: undefined,
    others: 0,
    othersAtMs: 0,
    refusedAtMs: undefined,
  };
}

function othersNow({ others, othersAtMs, windowMs }: PullAccount, nowMs: number): number {
  return nowMs < othersAtMs + windowMs ? others : 0;
}

// A short window, as tests have, cannot wait for the slowest request.
function flightMs({ windowMs }: PullAccount): number {
  return Math.min(LONGEST_FLIGHT_MS, windowMs / 10);
}
