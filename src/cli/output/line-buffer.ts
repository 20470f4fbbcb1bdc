const FLUSH_AFTER_MS = 50;
const MAX_CHARACTERS = 64 * 1024;

/**
 * Writes lines together, a moment after the first: a write to a pipe takes as long as a small request. Dispose of it to
 * write what is left.
 */
export class LineBuffer implements Disposable {
  readonly #write: (text: string) => void;
  #text = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length >= MAX_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#text !== '') this.#write(this.#text);
    this.#text = '';
  }

  [Symbol.dispose](): void {
    this.flush();
  }
}
