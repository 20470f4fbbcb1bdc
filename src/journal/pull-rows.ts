import type { Journal } from './journal.ts';
import { type PullAccount, newAccount } from './pull-account.ts';

export interface LeaseRow {
  readonly id: number;
  readonly pid: number;
  /** Not spent yet. */
  readonly pulls: number;
  readonly usedAtMs: number;
}

/** The rows of one account: what was observed, the pulls that were sent, and the leases. */
export class PullRows {
  readonly #id: number;
  readonly #statements;

  constructor(journal: Journal, upstream: string, login: string) {
    this.#id = journal.write(() => idOf(journal, upstream, login));
    this.#statements = {
      load: journal.prepare('SELECT * FROM accounts WHERE id = ?'),
      save: journal.prepare(
        `UPDATE accounts SET source = ?, pull_limit = ?, window_ms = ?, observed_at = ?, others = ?, others_at = ?,
         refused_at = ? WHERE id = ?`,
      ),
      addPull: journal.prepare('INSERT INTO pulls (account, at) VALUES (?, ?)'),
      countPulls: journal.prepare('SELECT count(*) AS count FROM pulls WHERE account = ? AND at > ?'),
      lastPull: journal.prepare('SELECT max(at) AS at FROM pulls WHERE account = ?'),
      movePulls: journal.prepare('UPDATE pulls SET at = ? WHERE account = ? AND at > ?'),
      deletePulls: journal.prepare('DELETE FROM pulls WHERE account = ? AND at <= ?'),
      leases: journal.prepare('SELECT id, pid, pulls, used_at AS usedAtMs FROM pull_leases WHERE account = ?'),
      addLease: journal.prepare('INSERT INTO pull_leases (account, pid, pulls, used_at) VALUES (?, ?, ?, ?)'),
      moveLeases: journal.prepare('UPDATE pull_leases SET used_at = ? WHERE account = ? AND used_at > ?'),
      drawOnLease: journal.prepare('UPDATE pull_leases SET pulls = pulls - 1, used_at = ? WHERE id = ? AND pulls > 0'),
      deleteLease: journal.prepare('DELETE FROM pull_leases WHERE id = ?'),
    };
  }

  load(): PullAccount {
    const row = this.#statements.load.get(this.#id);
    if (row === undefined) return newAccount();
    return {
      source: textOf(row['source']),
      limit: numberOf(row['pull_limit']),
      windowMs: Number(row['window_ms']),
      observedAtMs: numberOf(row['observed_at']),
      others: Number(row['others']),
      othersAtMs: Number(row['others_at']),
      refusedAtMs: numberOf(row['refused_at']),
    };
  }

  save(account: PullAccount): void {
    const { source = null, limit = null, windowMs, observedAtMs = null, others, othersAtMs, refusedAtMs } = account;
    const values = [source, limit, windowMs, observedAtMs, others, othersAtMs, refusedAtMs ?? null];
    this.#statements.save.run(...values, this.#id);
  }

  /** Where the clock was set back, what lies in the future is as if it had happened now. */
  clampTo(nowMs: number): void {
    this.#statements.movePulls.run(nowMs, this.#id, nowMs);
    this.#statements.moveLeases.run(nowMs, this.#id, nowMs);
  }

  addPull(atMs: number): void {
    this.#statements.addPull.run(this.#id, atMs);
  }

  countPullsSince(sinceMs: number): number {
    return Number(this.#statements.countPulls.get(this.#id, sinceMs)?.['count']);
  }

  lastPullMs(): number | undefined {
    return numberOf(this.#statements.lastPull.get(this.#id)?.['at']);
  }

  deletePullsUntil(atMs: number): void {
    this.#statements.deletePulls.run(this.#id, atMs);
  }

  leases(): readonly LeaseRow[] {
    return this.#statements.leases.all(this.#id) as unknown as readonly LeaseRow[];
  }

  addLease(pid: number, pulls: number, atMs: number): number {
    return Number(this.#statements.addLease.run(this.#id, pid, pulls, atMs).lastInsertRowid);
  }

  /** Takes a pull out of a lease; `false` when it has none, or is no more. */
  drawOnLease(id: number, atMs: number): boolean {
    return this.#statements.drawOnLease.run(atMs, id).changes === 1;
  }

  deleteLease(id: number): void {
    this.#statements.deleteLease.run(id);
  }
}

function idOf(journal: Journal, upstream: string, login: string): number {
  journal
    .prepare('INSERT INTO accounts (upstream, login, window_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
    .run(upstream, login, newAccount().windowMs);
  const row = journal.prepare('SELECT id FROM accounts WHERE upstream = ? AND login = ?').get(upstream, login);
  return Number(row?.['id']);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
