import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SqliteMetadataStore } from '../../../src/metadata/sqlite/sqlite-metadata-store.ts';
import { FakeClock } from '../fake-clock.ts';

/** A data folder with metadata in it. Disposing closes what was opened, and removes it. */
export class TemporaryMetadata implements AsyncDisposable {
  readonly dataFolder = mkdtempSync(path.join(tmpdir(), 'wharf-metadata-'));
  readonly clock = new FakeClock();
  readonly #opened: SqliteMetadataStore[] = [];

  get file(): string {
    return path.join(this.dataFolder, 'metadata-v1', 'metadata.db');
  }

  /** As another process would: each call opens it anew. */
  async open(): Promise<SqliteMetadataStore> {
    const store = await SqliteMetadataStore.open(this.dataFolder, { clock: this.clock });
    this.#opened.push(store);
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#opened) await store[Symbol.asyncDispose]();
    rmSync(this.dataFolder, { recursive: true });
  }
}
