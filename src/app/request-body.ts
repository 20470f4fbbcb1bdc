import { SendError } from '../remote/send.ts';

/**
 * A request's body on its way out: never left open, and with an end to waiting for the other side to take its next
 * part. Remembers whether it was the body that failed, as undici then reports the request.
 */
export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #stream: ReadableStream<Uint8Array>;
  readonly #idleMs: number;
  readonly #onStall: (error: SendError) => void;
  #isRead = false;
  #failure: { readonly error: unknown } | undefined;

  /** `onStall` has to end the request, as nobody takes the next part. */
  constructor(stream: ReadableStream<Uint8Array>, idleMs: number, onStall: (error: SendError) => void) {
    this.#stream = stream;
    this.#idleMs = idleMs;
    this.#onStall = onStall;
  }

  /** Why the body could not be sent, if it could not. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    this.#isRead = true;
    let timer: NodeJS.Timeout | undefined;
    try {
      for await (const chunk of this.#stream) {
        timer = setTimeout(() => this.#stall(), this.#idleMs);
        yield chunk;
        clearTimeout(timer);
      }
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** To be called when the request has ended, however it did. */
  close(): void {
    if (!this.#isRead) this.#stream.cancel().catch(() => undefined);
  }

  #stall(): void {
    const error = new SendError('TIMEOUT', 'stopped taking what is sent to it');
    this.#failure ??= { error };
    this.#onStall(error);
  }
}
