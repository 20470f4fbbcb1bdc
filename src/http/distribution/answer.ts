/** A part of a file that is open. Whoever is given one calls `close` once, also when it sends none of it. */
export interface FileSlice {
  readonly fd: number;
  readonly offset: number;
  readonly sizeBytes: number;
  close(): void | Promise<void>;
}

/** Whoever is given one sends it, or gives it back: `discardBody`. */
export type AnswerBody = Uint8Array | ReadableStream<Uint8Array> | FileSlice;

export interface Answer {
  readonly status: number;
  /** Lower-case names. Streams and slices come with their `content-length`. */
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body?: AnswerBody | undefined;
  /** Why the answer is a 500: for the log, never for the client. */
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
