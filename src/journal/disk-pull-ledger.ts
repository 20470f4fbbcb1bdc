import { type PullBudget, type PullLease, type PullLedger, grantPulls, noPullsLeft } from '../remote/pull-ledger.ts';
import type { PullLimit } from '../remote/pull-limit.ts';
import type { Journal } from './journal.ts';
import {
  type PullAccount,
  type PullsSince,
  allBackByMs,
  atMost,
  isMoved,
  isRefusing,
  newAccount,
  observe,
  observeUnmetered,
  pullsLeft,
  refuse,
} from './pull-account.ts';
import { PullRows } from './pull-rows.ts';

export interface DiskPullLedgerOptions {
  readonly journal: Journal;
  readonly upstream: string;
  /** `undefined` is anonymous. */
  readonly login?: string | undefined;
  /** Pulls that are left to others. */
  readonly reserve?: number | undefined;
  /** Of this process. */
  readonly pid: number;
  /** Whether there is a process of that id. */
  readonly isAlive: (pid: number) => boolean;
}

/** Past this a lease that nobody draws on belongs to a process that hangs, or to another one of the same id. */
const LEASE_EXPIRES_AFTER_MS = 15 * 60_000;
/** Pulls are remembered for longer than the window, which may turn out longer, and for clocks that are set back. */
const REMEMBERED_MS = 86_400_000;

/** The account that all processes of a data folder share, and that outlives them. */
export class DiskPullLedger implements PullLedger {
  readonly #journal: Journal;
  readonly #rows: PullRows;
  readonly #reserve: number;
  readonly #pid: number;
  readonly #isAlive: (pid: number) => boolean;
  readonly #pullsSince: PullsSince;
  /**
   * The last answer was not metered, nor was anything else within the window. Nothing is logged then: should the upstream
   * begin to meter, its first answer to say so counts for us what we did not.
   */
  #isUnmetered = false;

  constructor({ journal, upstream, login = '', reserve = 0, pid, isAlive }: DiskPullLedgerOptions) {
    this.#journal = journal;
    this.#rows = new PullRows(journal, upstream, login);
    this.#reserve = reserve;
    this.#pid = pid;
    this.#isAlive = isAlive;
    this.#pullsSince = (sinceMs) => this.#rows.countPullsSince(sinceMs);
  }

  get budget(): PullBudget | undefined {
    if (this.#isUnmetered) return undefined;
    return this.#journal.read(() => {
      const nowMs = this.#journal.now();
      return this.#budgetOf(atMost(this.#rows.load(), nowMs), nowMs);
    });
  }

  async spend(host: string): Promise<void> {
    this.#spend(host);
  }

  lease(pulls: number): PullLease | undefined {
    const granted = this.#change((account, nowMs) => {
      const { limit = Infinity } = account;
      const left = pullsLeft(account, this.#pullsSince, nowMs);
      const grant = grantPulls(pulls, left - this.#withheld(nowMs), limit - this.#reserve);
      return grant && { ...grant, id: this.#rows.addLease(this.#pid, grant.pulls, nowMs) };
    });
    if (granted === undefined) return undefined;
    const { isPartial, id } = granted;
    return {
      isPartial,
      spend: async (host) => this.#spend(host, id),
      [Symbol.dispose]: () => this.#journal.tidy(() => this.#rows.deleteLease(id)),
    };
  }

  observed(limit: PullLimit | undefined): void {
    if (limit === undefined) {
      this.#isUnmetered ||= this.#change((account, nowMs) => this.#observeUnmetered(account, nowMs));
      return;
    }
    this.#isUnmetered = false;
    this.#change((account, nowMs) => this.#rows.save(this.#observe(account, limit, nowMs)));
  }

  refused(): void {
    this.#isUnmetered = false;
    this.#change((account, nowMs) => this.#rows.save(refuse(account, nowMs)));
  }

  #spend(host: string, leaseId?: number): void {
    if (this.#isUnmetered) return;
    // What forbids is a result, as a throw would also take back that future times were set right.
    const resetsByMs = this.#change((account, nowMs) => {
      const left = pullsLeft(account, this.#pullsSince, nowMs);
      const isLeased = left >= 1 && leaseId !== undefined && this.#rows.drawOnLease(leaseId, nowMs);
      if (!isLeased && left - this.#withheld(nowMs) < 1) return this.#resetsByMs(account, nowMs);
      this.#rows.addPull(nowMs);
      this.#rows.deletePullsUntil(nowMs - Math.max(REMEMBERED_MS, 2 * account.windowMs));
    });
    if (resetsByMs !== undefined) throw noPullsLeft(host, resetsByMs);
  }

  #observe(account: PullAccount, limit: PullLimit, nowMs: number): PullAccount {
    if (!isMoved(account, limit)) return observe(account, limit, this.#pullsSince, nowMs);
    this.#rows.deletePullsUntil(nowMs);
    return observe(newAccount(), limit, this.#pullsSince, nowMs);
  }

  /** Whether nothing is metered any more. */
  #observeUnmetered(account: PullAccount, nowMs: number): boolean {
    const now = observeUnmetered(account, nowMs);
    if (now !== account) this.#rows.save(now);
    return now.limit === undefined && !isRefusing(now, nowMs);
  }

  #budgetOf(account: PullAccount, nowMs: number): PullBudget | undefined {
    const { limit, source, windowMs } = account;
    if (limit === undefined) return undefined;
    return {
      limit,
      remaining: pullsLeft(account, this.#pullsSince, nowMs),
      windowSeconds: windowMs / 1000,
      source,
      resetsByMs: this.#resetsByMs(account, nowMs),
    };
  }

  #resetsByMs(account: PullAccount, nowMs: number): number {
    return allBackByMs(account, this.#rows.lastPullMs(), nowMs);
  }

  /** The leases of processes that live, and the reserve. */
  #withheld(nowMs: number): number {
    let pulls = this.#reserve;
    for (const lease of this.#rows.leases()) {
      const isHeld = nowMs - lease.usedAtMs < LEASE_EXPIRES_AFTER_MS && this.#isAlive(lease.pid);
      if (isHeld) pulls += lease.pulls;
      else this.#rows.deleteLease(lease.id);
    }
    return pulls;
  }

  /** Works on the account as it is now, with no time of it in the future, while no other process changes it. */
  #change<T>(work: (account: PullAccount, nowMs: number) => T): T {
    return this.#journal.write(() => {
      const nowMs = this.#journal.now();
      this.#rows.clampTo(nowMs);
      const loaded = this.#rows.load();
      const account = atMost(loaded, nowMs);
      if (account !== loaded) this.#rows.save(account);
      return work(account, nowMs);
    });
  }
}
