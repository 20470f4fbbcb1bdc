import type { Writable } from 'node:stream';
import type { MinimumProgress } from './minimum-progress.ts';

export interface OutletOptions {
  /** What the headers promised: not a byte more is sent. */
  readonly sizeBytes: number;
  readonly progress: MinimumProgress;
  /** Told when the first bytes are on their way, and the head with them. */
  readonly onFirstBytes: () => void;
  /** Told what was sent; resolves when more may be. */
  readonly pause?: ((sentBytes: number) => Promise<void>) | undefined;
}

/** The way of one answer's body to its client: it waits for the client, counts, and notices when the client leaves. */
export class Outlet {
  readonly #response: Writable;
  readonly #sizeBytes: number;
  readonly #progress: MinimumProgress;
  readonly #onFirstBytes: () => void;
  readonly #pause: OutletOptions['pause'];
  #sentBytes = 0;
  #isClosed = false;
  #onClose: (() => void) | undefined;

  constructor(response: Writable, { sizeBytes, progress, onFirstBytes, pause }: OutletOptions) {
    this.#response = response;
    this.#sizeBytes = sizeBytes;
    this.#progress = progress;
    this.#onFirstBytes = onFirstBytes;
    this.#pause = pause;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get isWhole(): boolean {
    return this.#sentBytes === this.#sizeBytes;
  }

  /** The connection is gone, and so is whoever waits for it. */
  close(): void {
    this.#isClosed = true;
    this.#onClose?.();
  }

  /** Resolves when the parts have left this process, so that their memory is free. One call at a time. */
  async write(parts: readonly Uint8Array[]): Promise<void> {
    const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    if (this.#sentBytes + sizeBytes > this.#sizeBytes) {
      throw new Error(`a body of ${this.#sizeBytes} bytes goes on after its end`);
    }
    if (sizeBytes === 0) return;
    if (this.#sentBytes === 0) this.#onFirstBytes();
    this.#progress.add(sizeBytes);
    this.#progress.startWaiting();
    try {
      await this.#flush(parts.filter((part) => part.byteLength > 0));
    } finally {
      this.#progress.stopWaiting();
    }
    this.#sentBytes += sizeBytes;
    if (this.#pause !== undefined) await this.whileConnected(this.#pause(sizeBytes));
  }

  /** Waits for something else than the client, but not longer than the client stays. */
  async whileConnected<T>(wait: Promise<T>): Promise<T> {
    const { promise: closed, reject } = Promise.withResolvers<never>();
    this.#onClose = () => reject(gone());
    if (this.#isClosed) this.#onClose();
    try {
      return await Promise.race([wait, closed]);
    } finally {
      this.#onClose = undefined;
    }
  }

  #flush(parts: readonly Uint8Array[]): Promise<void> {
    const flushed = new Promise<void>((resolve, reject) => {
      this.#response.cork();
      for (const part of parts.slice(0, -1)) this.#response.write(part);
      this.#response.write(parts.at(-1), (error) => (error ? reject(error) : resolve()));
      this.#response.uncork();
    });
    return this.whileConnected(flushed);
  }
}

function gone(): Error {
  return new Error('the client closed the connection');
}
