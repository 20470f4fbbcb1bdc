import type { Dispatcher } from 'undici';
import { onAbort } from '../async/on-abort.ts';
import type { ResponseHeaders, SendResponse } from '../remote/send.ts';
import { readAll } from '../streams/read-all.ts';
import { sendErrorFrom } from './send-failures.ts';

type Controller = Dispatcher.DispatchController;
type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

/** What has come and is not yet read; past it the other side has to wait. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** A body that nobody wants is let in up to here, as that saves its connection. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * One request of undici's, its answer and the answer's body. The bytes go straight from the parser to whoever reads
 * them: the Node stream that `Agent.request` puts in between costs a third of the request.
 */
export class UndiciExchange implements Dispatcher.DispatchHandler {
  readonly #answer = Promise.withResolvers<SendResponse>();
  readonly #forgetSignal: () => void;
  readonly #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;
  #controller: Controller | undefined;
  #isWhole = false;
  #failure: { readonly error: unknown } | undefined;
  #onNews: (() => void) | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#forgetSignal = onAbort(signal, () => this.abort(signal?.reason));
  }

  /** Rejects with a SendError, or with the reason of the abort. */
  get answer(): Promise<SendResponse> {
    return this.#answer.promise;
  }

  /** Ends the request, or its answer, at once, even while it waits for a connection. */
  abort(reason: unknown): void {
    this.#fail(reason);
    this.#controller?.abort(reason as Error);
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure.error as Error);
  }

  onResponseStart(_: Controller, status: number, headers: Headers): void {
    if (status >= 200) this.#answer.resolve({ status, headers: new UndiciHeaders(headers), body: this });
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.byteLength;
    if (this.#bufferedBytes >= MAX_BUFFERED_BYTES) controller.pause();
    this.#onNews?.();
  }

  onResponseEnd(): void {
    this.#isWhole = true;
    this.#forgetSignal();
    this.#onNews?.();
  }

  onResponseError(_: Controller | null, error: unknown): void {
    this.#fail(error);
  }

  stream(): ReadableStream<Uint8Array> {
    return ReadableStream.from(this);
  }

  async bytes(maxBytes: number): Promise<Uint8Array> {
    return await readAll(this, maxBytes);
  }

  async discard(): Promise<void> {
    await readAll(this, MAX_DISCARDED_BYTES).catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        const value = await this.#next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        if (!this.#isWhole) this.abort(new Error('its answer is no longer wanted'));
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bufferedBytes -= chunk.byteLength;
        if (this.#bufferedBytes < MAX_BUFFERED_BYTES) this.#controller?.resume();
        return chunk;
      }
      if (this.#isWhole) return undefined;
      const news = Promise.withResolvers<void>();
      this.#onNews = news.resolve;
      await news.promise;
    }
  }

  #fail(error: unknown): void {
    this.#forgetSignal();
    this.#failure ??= { error: sendErrorFrom(error) };
    this.#answer.reject(this.#failure.error);
    this.#onNews?.();
  }
}

class UndiciHeaders implements ResponseHeaders {
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  get(name: string): string | undefined {
    return this.all(name)[0];
  }

  all(name: string): readonly string[] {
    const value = this.#headers[name];
    if (value === undefined) return [];
    return Array.isArray(value) ? value : [value];
  }
}
