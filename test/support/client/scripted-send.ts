// Registries that exist nowhere: any host name, https, and answers that no server of ours would give.
import type { Send, SendRequest, SendResponse } from '../../../src/remote/send.ts';
import { readAll } from '../../../src/streams/read-all.ts';

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | undefined;
}

export interface ScriptedSend {
  readonly send: Send;
  /** Every request that was sent, in its order. */
  readonly requests: readonly SendRequest[];
}

/** What it throws is why there is no answer. A request's body that it does not read is cancelled. */
export function scriptedSend(script: (request: SendRequest) => Reply | Promise<Reply>): ScriptedSend {
  const requests: SendRequest[] = [];
  const send: Send = async (request) => {
    request.signal?.throwIfAborted();
    requests.push(request);
    try {
      return responseOf(await script(request));
    } finally {
      if (request.body instanceof ReadableStream && !request.body.locked) await request.body.cancel();
    }
  };
  return { send, requests };
}

export function json(value: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** What a captive portal or a hotel's proxy says to everything. */
export const HTML_PAGE: Reply = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<!doctype html><title>Welcome</title><p>Please sign in.</p>',
};

/** A body that never ends, and how many bytes of it were taken. */
export function endless(): { readonly body: ReadableStream<Uint8Array>; readonly taken: () => number } {
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  let taken = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        taken += chunk.byteLength;
        controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  return { body, taken: () => taken };
}

function responseOf({ status, headers = {}, body = '' }: Reply): SendResponse {
  const all = (name: string) => [headers[name] ?? []].flat();
  const stream = () => (body instanceof ReadableStream ? body : ReadableStream.from([bytesOf(body)]));
  return {
    status,
    headers: { all, get: (name) => all(name)[0] },
    body: {
      stream,
      bytes: (maxBytes) => readAll(stream(), maxBytes),
      discard: () => stream().cancel(),
    },
  };
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body;
}
