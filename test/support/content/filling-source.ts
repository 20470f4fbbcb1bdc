import type { FillSource, SourceBytes } from '../../../src/content/filling/fill-source.ts';
import { OciError } from '../../../src/oci/errors.ts';

interface Sending {
  readonly startByte: number;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  sentBytes: number;
}

/** Sends a blob piece by piece, as a test tells it to, and remembers what it was asked for and told. */
export class ScriptedSource implements FillSource {
  readonly bytes: Uint8Array;
  /** What it says; it need not be true. */
  sizeBytes: number;
  isFromAuthority = true;
  mayGoOn = true;
  /** Thrown instead of an answer. */
  refusal: Error | undefined;
  /** It has no ranges: whoever asks for a rest is told so. */
  isWhole = false;
  /** The bytes from which on it was asked. */
  readonly asked: number[] = [];
  readonly complaints: string[] = [];
  readonly cancelled: unknown[] = [];
  statCount = 0;
  #sending: Sending | undefined;
  /** What an opening waits for. */
  #answering: Promise<void> = Promise.resolve();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.sizeBytes = bytes.byteLength;
  }

  async open(startByte: number, signal: AbortSignal): Promise<SourceBytes> {
    this.asked.push(startByte);
    const gone = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => gone.reject(signal.reason as Error), { once: true });
    await Promise.race([this.#answering, gone.promise]);
    if (this.refusal !== undefined) throw this.refusal;
    if (this.isWhole && startByte > 0) throw new OciError('RANGE_INVALID');
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#sending = { startByte, controller, sentBytes: 0 };
      },
      cancel: (reason) => void this.cancelled.push(reason),
    });
    const isFromAuthority = () => this.isFromAuthority;
    return {
      sizeBytes: this.sizeBytes,
      body,
      get isFromAuthority() {
        return isFromAuthority();
      },
      wrong: (message) => {
        this.complaints.push(message);
        return new Error(`the source is wrong: ${message}`);
      },
    };
  }

  isWithoutRest(error: unknown): boolean {
    return error instanceof OciError && error.code === 'RANGE_INVALID';
  }

  async stat(): Promise<{ readonly sizeBytes: number } | undefined> {
    this.statCount += 1;
    if (this.refusal !== undefined) throw this.refusal;
    return this.sizeBytes < 0 ? undefined : { sizeBytes: this.sizeBytes };
  }

  /** No answer from now on, until what this returns is called. */
  holdAnswers(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answering = promise;
    return resolve;
  }

  /** The next bytes of the blob; `corrupt` says which of them, counted from the blob's first, comes wrong. */
  send(count: number, corrupt?: number): void {
    const sending = this.#current();
    const start = sending.startByte + sending.sentBytes;
    const chunk = Uint8Array.from(this.bytes.subarray(start, start + count));
    if (corrupt !== undefined && corrupt >= start && corrupt < start + count) chunk[corrupt - start]! ^= 1;
    sending.sentBytes += chunk.byteLength;
    sending.controller.enqueue(chunk);
  }

  /** What is no part of the blob. */
  sendMore(bytes: Uint8Array): void {
    this.#current().controller.enqueue(bytes);
  }

  sendRest(): void {
    this.send(this.bytes.byteLength);
    this.end();
  }

  end(): void {
    this.#current().controller.close();
  }

  breakOff(error: Error): void {
    this.#current().controller.error(error);
  }

  #current(): Sending {
    if (this.#sending === undefined) throw new Error('nobody has opened this source');
    return this.#sending;
  }
}
