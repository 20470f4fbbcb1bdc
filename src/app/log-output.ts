import type { Writable } from 'node:stream';

const FLUSH_AFTER_MS = 50;
const MAX_CHARACTERS = 64 * 1024;
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/**
 * Writes lines together, a moment after the first: a write to a pipe takes as long as a small request. Nothing is lost
 * that a reader takes; when nobody reads, lines are dropped and counted rather than kept without end. Dispose of it to
 * write what is left.
 */
export class LogOutput implements Disposable {
  readonly #stream: Writable;
  readonly #flush = () => this.flush();
  #text = '';
  #lines = 0;
  #lostLines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** The caller keeps the stream. */
  constructor(stream: Writable) {
    this.#stream = stream;
    // Whoever read the log is gone, which is no reason to stop serving.
    stream.on('error', () => undefined);
    process.on('exit', this.#flush);
  }

  /** Lines that nobody took. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /** The line comes with its end. */
  add(line: string): void {
    this.#text += line;
    this.#lines += 1;
    if (this.#text.length >= MAX_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(this.#flush, FLUSH_AFTER_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    const lose = () => void (this.#lostLines += lines);
    if (this.#stream.writableLength > MAX_WAITING_BYTES) lose();
    else if (lines > 0) this.#stream.write(this.#text, (error) => error && lose());
    this.#text = '';
    this.#lines = 0;
  }

  [Symbol.dispose](): void {
    this.flush();
    process.off('exit', this.#flush);
  }
}
