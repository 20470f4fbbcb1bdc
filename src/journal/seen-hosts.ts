import { UsageError } from '../oci/usage-error.ts';
import type { Journal } from './journal.ts';

/** An upstream that sends us to ever new hosts is remembered by the last of them. */
const MAX_HOSTS = 50;
const FORGET_AFTER_MS = 90 * 24 * 60 * 60 * 1000;
/** What was written down is written again only after this, to be no longer than a day behind. */
const WRITE_AGAIN_AFTER_MS = 24 * 60 * 60 * 1000;

/** Where upstreams have sent us on to, mostly for blobs: what a firewall or a proxy has to let through besides them. */
export class SeenHosts {
  readonly #journal: Journal;
  /** When each was last written down, by upstream and host. */
  readonly #written = new Map<string, number>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Cheap for a host that was seen before. A disk that is full is no reason not to go there. */
  note(upstream: string, host: string): void {
    const nowMs = this.#journal.now();
    const key = `${upstream} ${host}`;
    if (nowMs - (this.#written.get(key) ?? -Infinity) < WRITE_AGAIN_AFTER_MS) return;
    if (this.#written.size >= MAX_HOSTS) this.#written.clear();
    this.#written.set(key, nowMs);
    const insert = 'INSERT OR REPLACE INTO seen_hosts (upstream, host, seen_at) VALUES (?, ?, ?)';
    const trim = `DELETE FROM seen_hosts WHERE upstream = ?1 AND (seen_at < ?2 OR host NOT IN
      (SELECT host FROM seen_hosts WHERE upstream = ?1 ORDER BY seen_at DESC, host LIMIT ${MAX_HOSTS}))`;
    try {
      this.#journal.write(() => {
        this.#journal.prepare(insert).run(upstream, host, nowMs);
        this.#journal.prepare(trim).run(upstream, nowMs - FORGET_AFTER_MS);
      });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
    }
  }

  /** In the order of their names. */
  of(upstream: string): readonly string[] {
    const select = 'SELECT host FROM seen_hosts WHERE upstream = ? AND seen_at >= ? ORDER BY host';
    const since = this.#journal.now() - FORGET_AFTER_MS;
    return this.#journal.read(() => this.#journal.prepare(select).all(upstream, since)).map(({ host }) => String(host));
  }
}
