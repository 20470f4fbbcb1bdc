import { z } from 'zod';
import type { Journal } from './journal.ts';

/** Why a run began. `window`: the pulls are back that an earlier one lacked. */
const RUN_REASONS = ['schedule', 'catch-up', 'window', 'by hand'] as const;
export type RunReason = (typeof RUN_REASONS)[number];

/**
 * `deferred`: for want of pulls. `interrupted`: it was killed, or who watched it was. `stopped`: its server was.
 * `skipped`: another process ran the job.
 */
const OUTCOMES = ['done', 'failed', 'deferred', 'interrupted', 'stopped', 'cancelled', 'skipped'] as const;
export type RunOutcome = (typeof OUTCOMES)[number];

/** As reports have them. */
export const runCounts = z.object({
  wanted: z.int(),
  copied: z.int(),
  upToDate: z.int(),
  pending: z.int(),
  deferred: z.int(),
  failed: z.int(),
});

const account = z.object({
  exitCode: z.int().optional(),
  tags: runCounts.optional(),
  images: runCounts.optional(),
  /** The commit of the catalog. */
  revision: z.string().optional(),
  /** The first of them. */
  failures: z.array(z.object({ reference: z.string(), code: z.string(), message: z.string() })).optional(),
  /** A sentence, where there is no report. */
  message: z.string().optional(),
  /** Of a deferred run: when all pulls are back. */
  resumesAtMs: z.number().optional(),
});

export type RunAccount = z.output<typeof account>;

export interface BegunRun {
  readonly job: string;
  readonly reason: RunReason;
  /** Of this process. */
  readonly pid: number;
  readonly startedAtMs: number;
}

export interface JobRun extends BegunRun {
  readonly id: number;
  /** Absent while it runs. */
  readonly endedAtMs?: number | undefined;
  readonly outcome?: RunOutcome | undefined;
  readonly account: RunAccount;
}

const KEPT = 100;
const COLUMNS = 'id, job, reason, pid, started_at, ended_at, outcome, account';

/** The last runs of each job, as whoever started them wrote them down. */
export class JobRuns {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Gives the run's id. Of each job so many are kept. */
  begin({ job, reason, pid, startedAtMs }: BegunRun): number {
    const insert = 'INSERT INTO job_runs (job, reason, pid, started_at) VALUES (?, ?, ?, ?)';
    const old = `DELETE FROM job_runs WHERE job = ? AND id NOT IN (SELECT id FROM job_runs WHERE job = ? ORDER BY id DESC LIMIT ${KEPT})`;
    return this.#journal.write(() => {
      const { lastInsertRowid } = this.#journal.prepare(insert).run(job, reason, pid, startedAtMs);
      this.#journal.prepare(old).run(job, job);
      return Number(lastInsertRowid);
    });
  }

  /** Does nothing when the run has ended already. */
  end(
    id: number,
    ended: { readonly endedAtMs: number; readonly outcome: RunOutcome; readonly account: RunAccount },
  ): void {
    const update = 'UPDATE job_runs SET ended_at = ?, outcome = ?, account = ? WHERE id = ? AND ended_at IS NULL';
    this.#journal.write(() => {
      this.#journal.prepare(update).run(ended.endedAtMs, ended.outcome, JSON.stringify(ended.account), id);
    });
  }

  /** The last ones of a job, the latest first. */
  of(job: string, limit = KEPT): readonly JobRun[] {
    const select = `SELECT ${COLUMNS} FROM job_runs WHERE job = ? ORDER BY id DESC LIMIT ?`;
    return this.#journal.read(() => this.#journal.prepare(select).all(job, limit)).map(runOf);
  }
}

// A newer Wharf may have written what this one does not know; that is told as a failure without an account.
function runOf(row: Record<string, unknown>): JobRun {
  const { id, job, reason, pid, started_at: startedAtMs, ended_at: endedAtMs, outcome } = row;
  return {
    id: Number(id),
    job: String(job),
    reason: z.enum(RUN_REASONS).catch('by hand').parse(reason),
    pid: Number(pid),
    startedAtMs: Number(startedAtMs),
    ...(endedAtMs !== null && {
      endedAtMs: Number(endedAtMs),
      outcome: z.enum(OUTCOMES).catch('failed').parse(outcome),
    }),
    account: account.catch({}).parse(jsonOf(row['account'] ?? '{}')),
  };
}

function jsonOf(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    // Only a damaged file has other text.
    return {};
  }
}
