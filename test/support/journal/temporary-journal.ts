import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DiskPullLedger, type DiskPullLedgerOptions } from '../../../src/journal/disk-pull-ledger.ts';
import { Journal } from '../../../src/journal/journal.ts';
import { FakeClock } from '../fake-clock.ts';

/** A data folder with a journal. Disposing removes both. */
export class TemporaryJournal implements Disposable {
  readonly dataFolder = mkdtempSync(path.join(tmpdir(), 'wharf-journal-'));
  readonly clock = new FakeClock();
  readonly notices: string[] = [];
  readonly #opened: Journal[] = [];

  get file(): string {
    return path.join(this.dataFolder, 'journal-v1', 'journal.db');
  }

  /** As another process would: each call opens it anew. */
  open(): Journal {
    const options = { now: () => this.clock.now(), onNotice: (message: string) => void this.notices.push(message) };
    const journal = Journal.open(this.dataFolder, options);
    this.#opened.push(journal);
    return journal;
  }

  ledger(options: Partial<DiskPullLedgerOptions> = {}): DiskPullLedger {
    const { journal = this.open(), upstream = 'docker.io', pid = process.pid, isAlive = () => true, ...rest } = options;
    return new DiskPullLedger({ journal, upstream, pid, isAlive, ...rest });
  }

  [Symbol.dispose](): void {
    for (const journal of this.#opened) journal[Symbol.dispose]();
    rmSync(this.dataFolder, { recursive: true });
  }
}
