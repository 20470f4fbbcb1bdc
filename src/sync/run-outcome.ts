// How a run ended, and what is kept of its report: both come from a process that may have been killed at any byte.
import { z } from 'zod';
import { type RunAccount, type RunOutcome, runCounts } from '../journal/job-runs.ts';
import type { JobReport } from './report.ts';

const FAILURES_KEPT = 10;
const MESSAGE_LENGTH = 500;
const EXITS_OF_SIGNALS = [129, 130, 137, 143];

/** What is known of it besides its exit code. */
export interface RunEnd {
  /** Absent when a signal ended it. */
  readonly exitCode?: number | undefined;
  readonly why?: 'stopped' | 'cancelled' | undefined;
  /** Another process runs the job. */
  readonly isTaken?: boolean | undefined;
}

export function outcomeOf({ exitCode, why, isTaken = false }: RunEnd): RunOutcome {
  if (exitCode === 0) return 'done';
  if (why !== undefined) return why;
  if (exitCode === undefined || EXITS_OF_SIGNALS.includes(exitCode)) return 'interrupted';
  if (exitCode === 2 && isTaken) return 'skipped';
  return exitCode === 3 ? 'deferred' : 'failed';
}

/** What is kept of a report: the counts and the first failures. */
export function accountOf({ tags, images, revision, failures, budget }: JobReport | ReadReport): RunAccount {
  const resets = Object.values(budget).map(({ resetsBy }) => Date.parse(resetsBy));
  const resumesAtMs = Math.max(...resets.filter((ms) => Number.isFinite(ms)));
  return {
    tags,
    images,
    ...(revision !== undefined && { revision }),
    failures: failures.slice(0, FAILURES_KEPT).map(({ reference, code, message }) => ({
      reference: reference.slice(0, MESSAGE_LENGTH),
      code,
      message: message.slice(0, MESSAGE_LENGTH),
    })),
    ...(tags.deferred > 0 && Number.isFinite(resumesAtMs) && { resumesAtMs }),
  };
}

const report = z.object({
  jobs: z.tuple([
    z.object({
      tags: runCounts,
      images: runCounts,
      revision: z.string().optional(),
      failures: z.array(z.object({ reference: z.string(), code: z.string(), message: z.string() })),
      budget: z.record(z.string(), z.object({ resetsBy: z.string() })),
      lies: z.array(z.object({ mirror: z.string(), digest: z.string(), proof: z.string() })).optional(),
    }),
  ]),
});

export type ReadReport = z.output<typeof report>['jobs'][0];

/** The only job of a printed report; `undefined` when it is none, or not all of it. */
export function readReport(text: string): ReadReport | undefined {
  try {
    return report.safeParse(JSON.parse(text)).data?.jobs[0];
  } catch {
    // What was cut off is no JSON.
    return undefined;
  }
}
