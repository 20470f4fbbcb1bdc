import { nameHash } from './name-hash.ts';

const FIRST_BUILDS = Date.UTC(2026, 5, 1);
const DAY_MS = 24 * 60 * 60 * 1000;
const FIRST_BUILD_DAYS = 60;

/** When an image was built: some day of June or July 2026 that its name decides; each rebuild on a later day than all of them. */
export function builtAt(name: string, revision: number): Date {
  if (revision > 0) return new Date(FIRST_BUILDS + (FIRST_BUILD_DAYS + revision) * DAY_MS);
  const offsetMs = nameHash(name) % (FIRST_BUILD_DAYS * DAY_MS);
  return new Date(FIRST_BUILDS + Math.floor(offsetMs / 1000) * 1000);
}

/** When a hub changed: each time a day later than everything before, so that the newest comes first in its lists. */
export class Timeline {
  #last = new Date(FIRST_BUILDS + FIRST_BUILD_DAYS * DAY_MS);

  next(): Date {
    this.#last = new Date(this.#last.getTime() + DAY_MS);
    return this.#last;
  }

  /** Something happened at a time of somebody else's choice. */
  note(time: Date): void {
    if (time > this.#last) this.#last = time;
  }
}
