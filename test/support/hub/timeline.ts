import { nameHash } from './name-hash.ts';

const FIRST_BUILDS = Date.UTC(2026, 5, 1);
const DAY_MS = 24 * 60 * 60 * 1000;
const FIRST_BUILD_DAYS = 60;

/** When an image was built: some day of June or July 2026 that its name decides; each rebuild is a later day than all of them. */
export function builtAt(name: string, revision: number): Date {
  const offsetMs = nameHash(name) % (FIRST_BUILD_DAYS * DAY_MS);
  const rebuiltMs = revision === 0 ? 0 : (FIRST_BUILD_DAYS + revision) * DAY_MS;
  return new Date(FIRST_BUILDS + Math.floor((offsetMs + rebuiltMs) / 1000) * 1000);
}
