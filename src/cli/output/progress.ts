// One stream of events, three ways to show it: drawn live for a person, sparse lines for a log, nothing beside JSON.
import { createLogUpdate } from 'log-update';
import type { OnSyncEvent, SyncEvent } from '../../sync/events.ts';
import type { Terminal } from '../terminal.ts';
import { formatBytes, formatCount, formatDuration, plural } from './format.ts';

export interface ProgressOptions {
  readonly terminal: Terminal;
  readonly now: () => number;
  /** How many pulls are left, where that is known. */
  readonly pullsLeft: () => number | undefined;
  readonly isQuiet?: boolean | undefined;
}

const DRAW_EVERY_MS = 100;
const LINE_EVERY_MS = 10_000;
const SHOWN_IMAGES = 4;

/** Shows a run on standard error. Dispose of it to leave the terminal as it should be. */
export class Progress implements Disposable {
  readonly #options: ProgressOptions;
  readonly #startedMs: number;
  readonly #running = new Set<string>();
  readonly #draw = createLogUpdate(process.stderr);
  readonly #timer: NodeJS.Timeout | undefined;
  #repositories = 0;
  #planned = 0;
  #images = 0;
  #settled = 0;
  #done = 0;
  #troubled = 0;
  #bytes = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedMs = options.now();
    if (options.isQuiet === true) return;
    const { isInteractive } = options.terminal;
    this.#timer = setInterval(() => this.#show(), isInteractive ? DRAW_EVERY_MS : LINE_EVERY_MS);
    this.#timer.unref();
  }

  readonly onEvent: OnSyncEvent = (event) => {
    this.#count(event);
    if (this.#options.isQuiet === true) return;
    if (event.type === 'listed') {
      const of = `${plural(event.tags, 'tag')} of ${plural(event.images, 'image')} in ${formatCount(event.repositories)} repositories`;
      this.#line(`wanted: ${of}`);
    }
    if (event.type === 'notice') this.#line(`note: ${event.message}`);
    if (event.type === 'finished' && event.outcome === 'failed')
      this.#line(`failed: ${event.reference}: ${event.message}`);
  };

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#options.isQuiet !== true && this.#options.terminal.isInteractive) this.#draw.clear();
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

  #line(text: string): void {
    const { terminal } = this.#options;
    if (terminal.isInteractive) this.#draw.clear();
    terminal.err(`${text}\n`);
  }

  #show(): void {
    const { terminal } = this.#options;
    if (!terminal.isInteractive) {
      if (this.#images > 0) terminal.err(`${this.#status()}\n`);
      return;
    }
    const shown = [...this.#running].slice(0, SHOWN_IMAGES).map((reference) => `  ${reference}`);
    const more = this.#running.size - shown.length;
    this.#draw([this.#bar(), this.#status(), ...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n'));
  }

  #status(): string {
    const seconds = (this.#options.now() - this.#startedMs) / 1000;
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
