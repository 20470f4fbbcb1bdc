// Which mirrors are worth using, the best first. Pure.
import type { ProbedMirror } from './mirror-list.ts';
import type { ProbeResult } from './probe-mirror.ts';

export interface RankedMirror extends ProbedMirror, ProbeResult {
  /** It answers anybody, has content, and never lied: content by digest may come from it. */
  readonly isUsable: boolean;
}

/** Usable ones before others, then by how fresh, how fast and how near they are. */
export function rankMirrors(probed: readonly (ProbedMirror & ProbeResult)[]): readonly RankedMirror[] {
  return probed
    .map((mirror) => ({ ...mirror, isUsable: isUsable(mirror) }))
    .toSorted((one, other) => scoreOf(other) - scoreOf(one) || (one.url < other.url ? -1 : 1));
}

function isUsable({ state, lie, honest }: ProbeResult): boolean {
  return state === 'ok' && lie === undefined && honest > 0;
}

/** Freshness weighs most; then each doubling of the speed, and each halving of the latency. */
function scoreOf(mirror: RankedMirror): number {
  const { fresh, other, missing, bytesPerSecond = 1, latencyMs = 10_000 } = mirror;
  const share = fresh / Math.max(1, fresh + other + missing);
  const usable = mirror.isUsable ? 1000 : mirror.lie === undefined ? 0 : -1000;
  return usable + 100 * share + Math.log2(bytesPerSecond) - Math.log2(Math.max(1, latencyMs));
}
