import type { OnSyncEvent, SyncEvent } from '../../sync/events.ts';
import { formatBytes, formatCount, formatDuration, plural } from './format.ts';
import { LiveStatus, type LiveStatusOptions } from './live-status.ts';

export interface ProgressOptions extends LiveStatusOptions {
  /** How many pulls are left, where that is known. */
  readonly pullsLeft: () => number | undefined;
}

const SHOWN_IMAGES = 4;

/** Shows a run. Dispose of it to leave the terminal as it should be. */
export class Progress implements Disposable {
  readonly #options: ProgressOptions;
  readonly #live: LiveStatus;
  readonly #running = new Set<string>();
  #repositories = 0;
  #planned = 0;
  #images = 0;
  #settled = 0;
  #done = 0;
  #troubled = 0;
  #bytes = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#live = new LiveStatus(options, (seconds) => this.#shown(seconds));
  }

  readonly onEvent: OnSyncEvent = (event) => {
    this.#count(event);
    if (this.#options.isQuiet === true) return;
    if (event.type === 'listed') {
      const of = `${plural(event.tags, 'tag')} of ${plural(event.images, 'image')} in ${formatCount(event.repositories)} repositories`;
      this.#live.say(`wanted: ${of}`);
    }
    if (event.type === 'notice') this.#live.say(`note: ${event.message}`);
    if (event.type === 'finished' && event.outcome === 'failed')
      this.#live.say(`failed: ${event.reference}: ${event.message}`);
  };

  /** For whoever prints something in between: what is drawn comes again below it. */
  makeRoom(): void {
    this.#live.makeRoom();
  }

  [Symbol.dispose](): void {
    this.#live[Symbol.dispose]();
  }

  #count(event: SyncEvent): void {
    switch (event.type) {
      case 'listed':
        this.#repositories += event.repositories;
        this.#images += event.images;
        break;
      case 'planned':
        this.#planned += 1;
        this.#settled += event.settled;
        break;
      case 'started':
        this.#running.add(event.reference);
        break;
      case 'bytes':
        this.#bytes += event.count;
        break;
      case 'finished':
        this.#running.delete(event.reference);
        if (event.outcome === 'failed' || event.outcome === 'deferred') this.#troubled += 1;
        else this.#done += 1;
        break;
      case 'notice':
        break;
    }
  }

  #shown(seconds: number): string | undefined {
    if (!this.#options.terminal.isInteractive) return this.#images > 0 ? this.#status(seconds) : undefined;
    const shown = [...this.#running].slice(0, SHOWN_IMAGES).map((reference) => `  ${reference}`);
    const more = this.#running.size - shown.length;
    return [this.#bar(), this.#status(seconds), ...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n');
  }

  #status(seconds: number): string {
    const left = this.#options.pullsLeft();
    return [
      `${formatCount(this.#finished())}/${formatCount(this.#images)} images`,
      `${formatBytes(this.#bytes)} sent, ${formatBytes(this.#bytes / Math.max(seconds, 0.1))}/s`,
      ...(this.#planned < this.#repositories ? [`${this.#planned}/${this.#repositories} repositories resolved`] : []),
      ...(this.#troubled > 0 ? [`${formatCount(this.#troubled)} not copied`] : []),
      ...(left === undefined ? [] : [`${formatCount(Math.max(0, left))} pulls left`]),
      formatDuration(seconds),
    ].join(' · ');
  }

  #bar(): string {
    const width = 40;
    const share = this.#images === 0 ? 0 : Math.min(1, this.#finished() / this.#images);
    const filled = Math.round(width * share);
    return `[${'='.repeat(filled)}${' '.repeat(width - filled)}] ${Math.floor(share * 100)} %`;
  }

  #finished(): number {
    return this.#settled + this.#done + this.#troubled;
  }
}
