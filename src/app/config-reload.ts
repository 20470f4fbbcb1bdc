import { statSync } from 'node:fs';
import type { Clock } from '../async/clock.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../observe/log.ts';
import { UsageError } from '../oci/usage-error.ts';

export interface ConfigReloadOptions {
  /** Reads it all again, and tells of each file before it is read. Throws UsageError when it is not valid. */
  readonly load: (onRead: (file: string) => void) => Config;
  /** Gives the settings that differ and take a restart. Throws UsageError when it cannot be used. */
  readonly apply: (config: Config) => Promise<readonly string[]>;
  /** What was read when the server started. */
  readonly files: Iterable<string>;
  /** Counted up. */
  readonly counts: Record<ReloadOutcome, number>;
  readonly log: Log;
  readonly clock: Clock;
  /** Whatever differs when a file does; the file is looked at by default. */
  readonly stampOf?: ((file: string) => string) | undefined;
}

export type ReloadOutcome = 'applied' | 'refused';

const INTERVAL_MS = 1000;

/**
 * Applies the configuration again when its files have changed, or when somebody says so. Files are looked at by name
 * once a second: that finds what an editor renamed into place, a link that was turned to another folder, and a file on
 * any disk. A change counts when the next look finds it still the same, so nobody reads half a file. Dispose of it to
 * end that.
 */
export class ConfigReload implements AsyncDisposable {
  readonly #options: ConfigReloadOptions;
  readonly #stop = new AbortController();
  #files: ReadonlySet<string>;
  /** What was applied or refused last. */
  #settled: string;
  #seen: string;
  #watching: Promise<void> = Promise.resolve();
  #reloading: Promise<void> = Promise.resolve();

  constructor(options: ConfigReloadOptions) {
    this.#options = options;
    this.#files = new Set(options.files);
    this.#settled = this.#seen = this.#stamp();
  }

  begin(): this {
    this.#watching = this.#run();
    return this;
  }

  /** One after the other. Never rejects: what is wrong is for the log. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  async look(): Promise<void> {
    const before = this.#seen;
    this.#seen = this.#stamp();
    if (this.#seen !== this.#settled && this.#seen === before) await this.reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#reloading;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#options.clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
      if (!signal.aborted) await this.look();
    }
  }

  async #reload(): Promise<void> {
    const { load, apply, counts, log } = this.#options;
    const files = new Set<string>();
    try {
      const stamp = this.#stamp();
      const config = load((file) => files.add(file));
      this.#follow(files, stamp);
      const kept = await apply(config);
      counts.applied += 1;
      log.info('configuration reloaded');
      if (kept.length > 0) log.warn('restart needed', { settings: kept.join(', ') });
    } catch (error) {
      counts.refused += 1;
      const message = error instanceof UsageError ? error.message : String(error);
      log.error('configuration refused', { error: message });
      this.#follow(new Set([...this.#files, ...files]), undefined);
    }
  }

  /** `stamp`: of the files that were followed, from before they were read. What changed since is news. */
  #follow(files: ReadonlySet<string>, stamp: string | undefined): void {
    const isSame = files.symmetricDifference(this.#files).size === 0;
    this.#files = files;
    this.#settled = isSame && stamp !== undefined ? stamp : this.#stamp();
    this.#seen = this.#settled;
  }

  #stamp(): string {
    const { stampOf = stampOfFile } = this.#options;
    return [...this.#files].map((file) => `${file} ${stampOf(file)}`).join('\n');
  }
}

function stampOfFile(file: string): string {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? 'none' : `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}
