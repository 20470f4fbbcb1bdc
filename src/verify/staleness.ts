// What is known of a digest that a mirror has for a tag, and that the tag does not mean. Never a guess: a digest is stale
// when a history names it, or when the authority itself has the image and no tag that was asked for means it now.
import type { Digest } from '../oci/digest.ts';
import type { Outcome } from './findings.ts';

/** A tag meant that to its authority. */
export interface PastMeaning {
  readonly digest: Digest;
  /** When it is known to have meant it; missing where that was not kept. */
  readonly at?: Date | undefined;
  /** When it was first known to mean something else. */
  readonly until?: Date | undefined;
  /** Who tells: `our store`. */
  readonly by: string;
}

export interface Evidence {
  readonly upstream: string;
  readonly past: readonly PastMeaning[];
  /** Another tag that means it today. */
  readonly meantBy?: string | undefined;
  /** Whether the authority has the image; `undefined` when it did not say. */
  readonly isAuthoritys: boolean | undefined;
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;

/** Why the mirror has it, as far as anybody knows. */
export function judgeOther(found: Digest, { upstream, past, meantBy, isAuthoritys, nowMs }: Evidence): Outcome {
  const known = past.find(({ digest }) => digest === found);
  if (known !== undefined) return { finding: 'stale', found, detail: describePast(known, upstream, nowMs) };
  if (meantBy !== undefined) {
    return { finding: 'different', found, detail: `that is what ${meantBy} means at ${upstream}` };
  }
  switch (isAuthoritys) {
    case true:
      return { finding: 'stale', found, detail: `${upstream} has that image, and the tag means another one now` };
    case false:
      return { finding: 'different', found, detail: `${upstream} has no such image in this repository` };
    case undefined:
      return { finding: 'different', found, detail: `${upstream} does not say whether it ever had that image` };
  }
}

function describePast({ at, until, by }: PastMeaning, upstream: string, nowMs: number): string {
  const known = `${by} knows that it meant that at ${upstream}`;
  if (until !== undefined) return `${known} until ${dayOf(until)}, ${ageOf(until, nowMs)}`;
  return at === undefined ? `${known} before` : `${known} on ${dayOf(at)}, ${ageOf(at, nowMs)}`;
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function ageOf(date: Date, nowMs: number): string {
  const days = Math.max(0, Math.floor((nowMs - date.getTime()) / DAY_MS));
  if (days === 0) return 'less than a day ago';
  return days === 1 ? '1 day ago' : `${days} days ago`;
}
