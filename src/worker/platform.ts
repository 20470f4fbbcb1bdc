// What of the Workers runtime is used: its own type package declares the whole web anew, and would contradict Node's.

/** Cache API, of one data centre. https://developers.cloudflare.com/workers/runtime-apis/cache/ */
export interface CacheStore {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

export interface RequestContext {
  /** Lets the work go on after the answer, for half a minute. */
  waitUntil(work: Promise<unknown>): void;
}

interface FixedLength {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

declare const caches: { readonly default: CacheStore };
declare const FixedLengthStream: new (sizeBytes: number) => FixedLength;

export function edgeCacheStore(): CacheStore {
  return caches.default;
}

/** A stream whose length is known: only so does an answer have a Content-Length. It fails at any other length. */
export function ofLength(body: ReadableStream<Uint8Array>, sizeBytes: number): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(sizeBytes);
  // A body that breaks off fails the readable end, and a client that leaves cancels the body.
  body.pipeTo(writable).catch(() => undefined);
  return readable;
}
