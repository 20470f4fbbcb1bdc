import type { Readable } from 'node:stream';
import type { MinimumProgress } from './minimum-progress.ts';

/** Whoever is refused in the middle of a push may go on sending for a while, until it has read the answer. */
const MAX_DISCARDED_BYTES = 8 * 1024 * 1024;

interface IncomingBodyOptions {
  readonly hasBody: boolean;
  readonly watch: () => { progress: MinimumProgress; end: () => void };
  /** Where the client waits to be told before it sends anything: RFC 9110 §10.1.1. */
  readonly sendContinue: (() => void) | undefined;
}

/** A request's body: who stops reading it leaves the connection as it is, since an answer has yet to go there. */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  readonly #message: Readable & { readonly complete: boolean };
  readonly #options: IncomingBodyOptions;
  #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor(message: Readable & { readonly complete: boolean }, options: IncomingBodyOptions) {
    this.#message = message;
    this.#options = options;
  }

  /** Whether the client has sent, or will send, what nobody has read. */
  get isUnread(): boolean {
    return this.#options.hasBody && !(this.#message.complete && this.#message.readableEnded);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (!this.#options.hasBody) return;
    if (this.#chunks === undefined) this.#options.sendContinue?.();
    const chunks = this.#begin();
    const { progress, end } = this.#options.watch();
    try {
      for (;;) {
        progress.startWaiting();
        const { done, value } = await chunks.next();
        progress.stopWaiting();
        if (done) return;
        progress.add(value.byteLength);
        yield value;
      }
    } finally {
      end();
    }
  }

  /** Reads on for a while, and forgets it. */
  async discard(): Promise<void> {
    if (this.#chunks === undefined && this.#options.sendContinue !== undefined) return;
    const chunks = this.#begin();
    const { progress, end } = this.#options.watch();
    progress.startWaiting();
    try {
      for (let discardedBytes = 0; discardedBytes < MAX_DISCARDED_BYTES;) {
        const { done, value } = await chunks.next();
        if (done) return;
        discardedBytes += value.byteLength;
      }
    } finally {
      end();
    }
  }

  #begin(): AsyncIterator<Uint8Array> {
    this.#chunks ??= this.#message.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
    return this.#chunks;
  }
}
