// From the runtime's request to a plain one, and from a plain answer to the runtime's.
import { type Answer, isFileSlice } from '../http/distribution/answer.ts';
import type { HttpRequest } from '../http/distribution/request.ts';
import type { Admitted } from './gate.ts';
import { ofLength } from './platform.ts';

/** Of its body nothing is ever read. */
export function plainRequest(request: Request, path: string): HttpRequest {
  const url = new URL(request.url);
  return {
    method: request.method,
    path,
    query: url.searchParams,
    header: (name) => request.headers.get(name) ?? undefined,
    body: nothing(),
    remoteAddress: request.headers.get('cf-connecting-ip') ?? '',
    localPort: undefined,
    signal: request.signal,
  };
}

export function runtimeResponse({ status, headers, body }: Answer, { lead }: Pick<Admitted, 'lead'>): Response {
  const sent = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // The runtime frames the answer itself.
    if (name !== 'transfer-encoding') sent.set(name, led(name, String(value), lead));
  }
  // RFC 9111 §5.2.2.6: a data centre would compress what its clients hash.
  sent.append('cache-control', 'no-transform');
  return new Response(bodyOf(body, Number(headers['content-length'])), { status, headers: sent });
}

function led(name: string, value: string, lead: Admitted['lead']): string {
  return name === 'link' ? value.replace(/^<([^>]*)>/, (_, path: string) => `<${lead(path)}>`) : value;
}

function bodyOf(body: Answer['body'], sizeBytes: number): ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null {
  if (body === undefined) return null;
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  if (isFileSlice(body)) throw new Error('a Worker has no files to answer with');
  return ofLength(body, sizeBytes);
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A generator has to be one, though it yields nothing.
}
