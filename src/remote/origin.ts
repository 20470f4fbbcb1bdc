// All requests to one origin pass here: its turn, its deadline, its count, and its retries.
import type { Clock } from '../async/clock.ts';
import type { Slot } from '../async/semaphore.ts';
import type { RequestKind, Traffic } from '../observe/traffic.ts';
import { OciError } from '../oci/errors.ts';
import { tap } from '../streams/tap.ts';
import { errorFromAnswer } from './error-answer.ts';
import { RemoteError } from './remote-error.ts';
import { type Reach, type Send, SendError, type SendRequest, type SendResponse } from './send.ts';
import { withoutSentSecrets } from './sent-secrets.ts';
import type { Place, SourceHealth } from './source-health.ts';

export interface Exchange {
  readonly method: SendRequest['method'];
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream can be sent once, so an exchange with one is not repeated here. */
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly sizeBytes?: number | undefined;
  readonly kind: RequestKind;
  /** What is asked for, as an error message names it: `the manifest of library/nginx:1.27`. */
  readonly what: string;
  readonly traffic: Traffic;
  readonly reach: Reach;
  readonly headersTimeoutMs?: number | undefined;
  readonly place?: Place | undefined;
  /** The body of a good answer is small and read whole, as part of the attempt: one that breaks off is asked for again. */
  readonly maxBodyBytes?: number | undefined;
  /** Past this the answer is not worth waiting for, as there is another way to it: then RATE_LIMIT is thrown. */
  readonly longestPauseMs?: number | undefined;
  /** The body of a good answer goes to somebody else as it comes: it is neither counted nor waited for, and holds no place. */
  readonly isPassedOn?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each attempt; throws to forbid it. */
  readonly beforeAttempt?: (() => Promise<void>) | undefined;
}

const HEADERS_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 60_000;
/** Of something small that others can answer as well. */
const TIMEOUT_WHERE_OTHERS_ARE_MS = 5_000;
const MAX_ATTEMPTS = 6;
const ATTEMPTS_TO_REACH = 3;
const ATTEMPTS_WHERE_OTHERS_ARE = 3;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** A server that wants a longer pause than this gets a failed image instead; the next run asks again. */
const LONGEST_PAUSE_MS = 15 * 60_000;
const PAUSE_WITHOUT_WORD_MS = 5_000;

export class Origin {
  readonly host: string;
  readonly health: SourceHealth;
  readonly #send: Send;
  readonly #clock: Clock;
  /** A host that never answered is more likely misspelt than down. */
  #wasReached = false;

  constructor(options: { host: string; health: SourceHealth; send: Send; clock: Clock }) {
    this.host = options.host;
    this.health = options.health;
    this.#send = options.send;
    this.#clock = options.clock;
  }

  /**
   * Gives the answer, whatever it is, except 408, 429 and 5xx, which are repeated where that can help and then thrown.
   * Its place among the origin's concurrent requests is held until its body has been read or discarded.
   */
  async exchange(exchange: Exchange): Promise<SendResponse> {
    const attempts = attemptsFor(exchange);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#readWhole(await this.#attempt(exchange), exchange);
      } catch (error) {
        if (!(error instanceof RemoteError) || !error.isRetryable || attempt >= attempts) throw error;
        if (!this.#wasReached && attempt >= ATTEMPTS_TO_REACH) throw error;
        if ((error.retryAfterMs ?? 0) > longestPauseMs(exchange)) throw error;
        await this.#clock.sleep(this.#delayMs(attempt), exchange.signal);
      }
    }
  }

  async #attempt(exchange: Exchange): Promise<SendResponse> {
    const checkPause = (pauseMs: number) => this.#checkPause(pauseMs, exchange);
    const slot = await this.health.admit(exchange.signal, exchange.place, checkPause);
    try {
      await exchange.beforeAttempt?.();
      exchange.traffic.count(exchange.kind);
      const response = await this.#sendOnce(exchange);
      this.#wasReached = true;
      if (!isFailure(response.status)) {
        this.health.succeeded();
        if (exchange.isPassedOn === true) {
          slot.release();
          return response;
        }
        return this.#holdUntilRead(response, slot, exchange);
      }
      throw await errorFromAnswer(this.host, response, exchange.what, this.#clock.now());
    } catch (error) {
      slot.release();
      if (error instanceof RemoteError) this.#learnFrom(error);
      throw error;
    }
  }

  #checkPause(pauseMs: number, exchange: Exchange): void {
    const { what } = exchange;
    if (pauseMs > 0 && this.health.isDown) {
      const message = `has done nothing but fail for minutes, so ${what} is not asked for; try again when it is up`;
      throw new RemoteError(this.host, 'DOWN', message);
    }
    if (pauseMs <= longestPauseMs(exchange)) return;
    if (this.health.isFailing) {
      const message = `has failed again and again, so ${what} is not asked for yet`;
      throw new RemoteError(this.host, 'DOWN', message, { retryAfterMs: pauseMs });
    }
    const message = `asked us to wait, so ${what} is not asked for`;
    throw new RemoteError(this.host, 'RATE_LIMIT', message, { retryAfterMs: pauseMs });
  }

  async #sendOnce(exchange: Exchange): Promise<SendResponse> {
    try {
      const response = await this.#send({
        method: exchange.method,
        url: exchange.url,
        headers: exchange.headers,
        body: exchange.body,
        sizeBytes: exchange.sizeBytes,
        reach: exchange.reach,
        isPassedOn: exchange.isPassedOn,
        ...timeoutsFor(exchange),
        signal: exchange.signal,
      });
      return withoutSentSecrets(response, exchange);
    } catch (error) {
      exchange.signal?.throwIfAborted();
      if (!(error instanceof SendError)) throw error;
      throw this.#named(error, exchange);
    }
  }

  async #readWhole(response: SendResponse, { maxBodyBytes }: Exchange): Promise<SendResponse> {
    if (maxBodyBytes === undefined || response.status !== 200) return response;
    const bytes = await response.body.bytes(maxBodyBytes);
    const body = {
      stream: () => ReadableStream.from([bytes]),
      bytes: () => Promise.resolve(bytes),
      discard: () => Promise.resolve(),
    };
    return { ...response, body };
  }

  #named(error: SendError, { what }: Exchange): RemoteError {
    const remark = error.detail === undefined ? what : `${error.detail}, for ${what}`;
    return new RemoteError(this.host, error.failure, `${error.message} (${remark})`, { cause: error });
  }

  #learnFrom(error: RemoteError): void {
    if (error.code === 'RATE_LIMIT') this.health.slowedDown(error.retryAfterMs ?? PAUSE_WITHOUT_WORD_MS);
    else if (error.retryAfterMs !== undefined && error.status !== 429) {
      this.health.slowedDown(Math.min(error.retryAfterMs, LONGEST_PAUSE_MS));
    } else if (error.isRetryable) this.health.failed();
  }

  #delayMs(attempt: number): number {
    const ceilingMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), LONGEST_DELAY_MS);
    return ceilingMs * (0.5 + this.#clock.random() / 2);
  }

  #holdUntilRead({ status, headers, body }: SendResponse, slot: Slot, exchange: Exchange): SendResponse {
    const { traffic, what } = exchange;
    const { host } = this;
    const mapError = (error: unknown) => {
      if (!(error instanceof SendError)) return error;
      this.health.failed();
      return this.#named(error, exchange);
    };
    return {
      status,
      headers,
      body: {
        stream: () =>
          tap(body.stream(), {
            onBytes: (count) => {
              traffic.receivedBytes += count;
            },
            onEnd: () => slot.release(),
            mapError,
          }),
        async bytes(maxBytes) {
          try {
            const bytes = await body.bytes(maxBytes);
            traffic.receivedBytes += bytes.byteLength;
            return bytes;
          } catch (error) {
            if (!(error instanceof OciError)) throw mapError(error);
            throw new RemoteError(host, 'NOT_A_REGISTRY', `sent more than ${maxBytes} bytes for ${what}`);
          } finally {
            slot.release();
          }
        },
        async discard() {
          try {
            await body.discard();
          } finally {
            slot.release();
          }
        },
      },
    };
  }
}

function longestPauseMs({ longestPauseMs = LONGEST_PAUSE_MS }: Exchange): number {
  return longestPauseMs;
}

function attemptsFor({ body, kind, longestPauseMs }: Exchange): number {
  // A commit may have come to pass although its answer was lost: whoever pushes the blob looks, and begins anew.
  if (kind === 'blobPut' || body instanceof ReadableStream) return 1;
  return longestPauseMs === undefined ? MAX_ATTEMPTS : ATTEMPTS_WHERE_OTHERS_ARE;
}

function timeoutsFor({ headersTimeoutMs, longestPauseMs, maxBodyBytes }: Exchange) {
  if (longestPauseMs === undefined || maxBodyBytes === undefined) {
    return { headersTimeoutMs: headersTimeoutMs ?? HEADERS_TIMEOUT_MS, idleTimeoutMs: IDLE_TIMEOUT_MS };
  }
  return { headersTimeoutMs: TIMEOUT_WHERE_OTHERS_ARE_MS, idleTimeoutMs: TIMEOUT_WHERE_OTHERS_ARE_MS };
}

function isFailure(status: number): boolean {
  return status >= 500 || status === 408 || status === 429 || status === 499;
}
