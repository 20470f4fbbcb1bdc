// The network port on Workers: `fetch`, which would follow redirects with our secrets in hand if it were let.
import { isAllowedAddress, isAddressLiteral } from '../remote/address.ts';
import { type ResponseHeaders, type Send, SendError, type SendFailure, type SendRequest } from '../remote/send.ts';
import { readAll } from '../streams/read-all.ts';
import type { Subrequests } from './subrequests.ts';

export interface FetchSendOptions {
  readonly subrequests: Subrequests;
  readonly fetch?: typeof globalThis.fetch;
}

export function fetchSend({ subrequests, fetch = globalThis.fetch }: FetchSendOptions): Send {
  return async (request) => {
    request.signal?.throwIfAborted();
    checkAddress(request);
    subrequests.take();
    const cut = new AbortController();
    const signal = request.signal === undefined ? cut.signal : AbortSignal.any([request.signal, cut.signal]);
    const failed = (error: unknown): unknown => {
      if (cut.signal.aborted) return cut.signal.reason;
      return request.signal?.aborted === true ? request.signal.reason : sendErrorFrom(error);
    };
    const { headersTimeoutMs, idleTimeoutMs } = request;
    const timer = setTimeout(() => cut.abort(new SendError('TIMEOUT', 'did not answer in time')), headersTimeoutMs);
    const response = await fetch(request.url, initOf(request, signal))
      .catch((error: unknown) => Promise.reject(failed(error) as Error))
      .finally(() => clearTimeout(timer));
    const watched = () => watch(response.body, { idleTimeoutMs, cut, failed });
    return {
      status: response.status,
      headers: new FetchHeaders(response.headers),
      body: {
        stream: () => (request.isPassedOn === true ? (response.body ?? nothing()) : watched()),
        bytes: (maxBytes) => readAll(watched(), maxBytes),
        discard: async () => await response.body?.cancel().catch(() => undefined),
      },
    };
  };
}

function initOf({ method, headers, body, sizeBytes }: SendRequest, signal: AbortSignal): RequestInit {
  return {
    method,
    headers: sizeBytes === undefined ? headers : { ...headers, 'content-length': String(sizeBytes) },
    redirect: 'manual',
    // The platform's own cache would answer for an upstream that says something else by now.
    cache: 'no-store',
    signal,
    ...(body !== undefined && { body: body as Exclude<RequestInit['body'], undefined>, duplex: 'half' }),
  };
}

// Names are resolved out of our sight, by a network that leads to no private address of ours.
function checkAddress({ url: { hostname }, reach }: SendRequest): void {
  const isLocalName = reach === 'public' && /(?:^|\.)(?:localhost|internal|local)\.?$/i.test(hostname);
  if (!isLocalName && (!isAddressLiteral(hostname) || isAllowedAddress(hostname, reach))) return;
  throw new SendError('FORBIDDEN_ADDRESS', 'is an internal address that nothing from outside may name');
}

interface Watch {
  readonly idleTimeoutMs: number;
  readonly cut: AbortController;
  readonly failed: (error: unknown) => unknown;
}

/** The body, which fails when it pauses for too long. */
function watch(
  body: ReadableStream<Uint8Array> | null,
  { idleTimeoutMs, cut, failed }: Watch,
): ReadableStream<Uint8Array> {
  if (body === null) return nothing();
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const stop = () => cut.abort(new SendError('TIMEOUT', 'stopped sending in the middle of its answer'));
        const timer = setTimeout(stop, idleTimeoutMs);
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          throw failed(error);
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function nothing(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** The runtime's words are all that there is to tell failures apart by. */
const FAILURES: readonly (readonly [pattern: RegExp, failure: SendFailure, words: string])[] = [
  [/dns|resolve|ENOTFOUND/i, 'NAME_RESOLUTION', 'is not known by that name; check the spelling'],
  [/refused/i, 'CONNECTION_REFUSED', 'refused the connection; nothing listens there'],
  [/tls|ssl|certificate/i, 'TLS', 'shows a certificate that Workers do not trust'],
  [/time(?:d )?out/i, 'TIMEOUT', 'did not answer in time'],
];

function sendErrorFrom(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const known = FAILURES.find(([pattern]) => pattern.test(error.message));
  const [, failure, words] = known ?? [undefined, 'CONNECTION_LOST' as const, 'broke the connection'];
  return new SendError(failure, words, { cause: error, detail: error.message });
}

/** Headers of one name come joined; challenges can be told apart all the same. */
class FetchHeaders implements ResponseHeaders {
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  get(name: string): string | undefined {
    return this.#headers.get(name) ?? undefined;
  }

  all(name: string): readonly string[] {
    const value = this.get(name);
    return value === undefined ? [] : [value];
  }
}
