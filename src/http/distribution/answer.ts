import type { Awaitable } from '../../async/awaitable.ts';

/** A part of a file that is open. Whoever is given one calls `close` once, also when it sends none of it. */
export interface FileSlice {
  readonly fd: number;
  readonly offset: number;
  readonly sizeBytes: number;
  /**
   * Of a file that is still being written: how many bytes of the part may be sent by now, once they are more than
   * `count`. Rejects when the rest will never come. Without it all of them may.
   */
  readonly grownPast?: ((count: number) => Awaitable<number>) | undefined;
  /**
   * What memory has of the part after its first `count` bytes, if anything: who reads along need not ask the file. It may
   * be more than may be sent by now.
   */
  readonly recent?: ((count: number) => readonly Uint8Array[]) | undefined;
  /**
   * Of a blob that is here as a whole: where its file is below the folder of all blobs, `sha256/ab/cd/abcd…`, for whoever
   * reads it there. It may be gone from there at any moment; `fd` stays.
   */
  readonly place?: string | undefined;
  close(): void | Promise<void>;
}

/** Whoever is given one sends it, or gives it back: `discardBody`. */
export type AnswerBody = Uint8Array | ReadableStream<Uint8Array> | FileSlice;

export interface Answer {
  readonly status: number;
  /** Lower-case names. Streams and slices come with their `content-length`. */
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: AnswerBody | undefined;
  /** Which endpoint answered, for logs and metrics. */
  readonly route?: string | undefined;
  /** Why the answer is a 500 or a 503: for the log, never for the client. */
  readonly error?: unknown;
}

export function isFileSlice(body: AnswerBody): body is FileSlice {
  return 'fd' in body;
}

/** Gives back what stands behind a body that is not sent. */
export async function discardBody(body: AnswerBody | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return;
  if (isFileSlice(body)) await body.close();
  else await body.cancel();
}

export function jsonAnswer(status: number, value: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: new TextEncoder().encode(JSON.stringify(value)),
  };
}
