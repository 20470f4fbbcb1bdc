import { createLogUpdate } from 'log-update';
import type { Terminal } from '../terminal.ts';

export interface LiveStatusOptions {
  readonly terminal: Terminal;
  readonly now: () => number;
  readonly isQuiet?: boolean | undefined;
}

const DRAW_EVERY_MS = 100;
const LINE_EVERY_MS = 10_000;

/**
 * How some work stands, on standard error: drawn live for a person, as sparse lines for a log, and not at all beside JSON.
 * Dispose of it to leave the terminal as it should be.
 */
export class LiveStatus implements Disposable {
  readonly #options: LiveStatusOptions;
  readonly #startedMs: number;
  readonly #status: (seconds: number) => string | undefined;
  readonly #draw = createLogUpdate(process.stderr);
  readonly #timer: NodeJS.Timeout | undefined;

  /** `status` is asked what to show, after so many seconds; `undefined` as long as there is nothing. */
  constructor(options: LiveStatusOptions, status: (seconds: number) => string | undefined) {
    this.#options = options;
    this.#status = status;
    this.#startedMs = options.now();
    if (options.isQuiet === true) return;
    const { isInteractive } = options.terminal;
    this.#timer = setInterval(() => this.#show(), isInteractive ? DRAW_EVERY_MS : LINE_EVERY_MS);
    this.#timer.unref();
  }

  /** For whoever prints something in between: what is drawn comes again below it. */
  makeRoom(): void {
    if (this.#options.isQuiet !== true && this.#options.terminal.isInteractive) this.#draw.clear();
  }

  /** A line of its own. */
  say(text: string): void {
    this.makeRoom();
    this.#options.terminal.err(`${text}\n`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.makeRoom();
  }

  #show(): void {
    const { terminal, now } = this.#options;
    const status = this.#status((now() - this.#startedMs) / 1000);
    if (status === undefined) return;
    if (terminal.isInteractive) this.#draw(status);
    else terminal.err(`${status}\n`);
  }
}
