import { OCI_ERRORS, OciError, type OciErrorCode } from '../../../src/oci/errors.ts';

/** A whole response as a value: handlers make it, faults bend it, and only then is it written. */
export interface Answer {
  readonly status: number;
  /** Lower-case names. `undefined` means that not even a default is sent. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parts may be shared between answers: nobody writes into them. HEAD sends their length alone. */
  readonly body: readonly Uint8Array[];
  readonly delivery?: Delivery | undefined;
}

/** How the bytes fail to arrive: never at all, or cut off in the body, politely (FIN) or rudely (RST). */
type Delivery = { readonly kind: 'hang' } | { readonly kind: 'cut'; readonly atByte: number; readonly reset: boolean };

export function emptyAnswer(status: number, headers: Answer['headers'] = {}): Answer {
  return { status, headers, body: [] };
}

export function textAnswer(status: number, text: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body: [Buffer.from(text)] };
}

export function jsonAnswer(status: number, value: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: [Buffer.from(JSON.stringify(value ?? {}))],
  };
}

/** The body of distribution-spec §Error Codes, with the status that belongs to the code. */
export function errorAnswer(code: OciErrorCode, message?: string, detail?: unknown): Answer {
  const [status, defaultMessage] = OCI_ERRORS[code];
  return jsonAnswer(status, { errors: [{ code, message: message ?? defaultMessage, detail }] });
}

/** An OciError becomes the answer of its code; any other error is a bug, and answers 500. */
export function answerOf(error: unknown): Answer {
  return error instanceof OciError ? errorAnswer(error.code, error.message) : errorAnswer('UNKNOWN', String(error));
}

export function withHeaders(answer: Answer, headers: Answer['headers']): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

export function sizeOf(parts: readonly Uint8Array[]): number {
  let size = 0;
  for (const part of parts) size += part.byteLength;
  return size;
}

/** The bytes from `start` up to, not including, `end`; nothing is copied. */
export function sliceParts(parts: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, part.byteLength);
    if (from < to) slices.push(part.subarray(from, to));
    offset += part.byteLength;
  }
  return slices;
}
