// Real sockets, and time that passes at once. What is left open is a leak, so disposing of it looks for leaks.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { UndiciSend } from '../../../src/app/undici-send.ts';
import { Network } from '../../../src/remote/network.ts';
import type { Send, SendRequest, SendResponse } from '../../../src/remote/send.ts';
import { tap } from '../../../src/streams/tap.ts';
import { FakeClock } from '../fake-clock.ts';

export interface LoopbackNetwork extends AsyncDisposable {
  readonly network: Network;
  readonly clock: FakeClock;
  /** Every request that was sent, in its order. */
  readonly sent: readonly SendRequest[];
}

export interface LoopbackOptions {
  readonly clock?: FakeClock | undefined;
  /** Instead of the real deadlines of an answer's headers and body. */
  readonly deadlineMs?: number | undefined;
}

/** Disposing of it throws when a request has not ended, or the body of an answer was neither read nor discarded. */
export function openNetwork({ clock = new FakeClock(), deadlineMs }: LoopbackOptions = {}): LoopbackNetwork {
  const undici = new UndiciSend();
  const sent: SendRequest[] = [];
  const open = new Set<SendRequest>();

  const send: Send = async (request) => {
    sent.push(request);
    open.add(request);
    const end = () => void open.delete(request);
    try {
      const deadlines = deadlineMs === undefined ? {} : { headersTimeoutMs: deadlineMs, idleTimeoutMs: deadlineMs };
      return observed(await undici.send({ ...request, ...deadlines }), end);
    } catch (error) {
      end();
      throw error;
    }
  };

  return {
    network: new Network({ send, clock }),
    clock,
    sent,
    async [Symbol.asyncDispose]() {
      for (let turns = 0; open.size > 0 && turns < 100; turns += 1) await nextTurn();
      const left = [...open].map(({ method, url }) => `${method} ${url.pathname}`);
      if (left.length > 0) throw new Error(`left open: ${left.join(', ')}`);
      await undici[Symbol.asyncDispose]();
    },
  };
}

function observed({ status, headers, body }: SendResponse, onEnd: () => void): SendResponse {
  return {
    status,
    headers,
    body: {
      stream: () => tap(body.stream(), { onEnd }),
      bytes: (maxBytes) => body.bytes(maxBytes).finally(onEnd),
      discard: () => body.discard().finally(onEnd),
    },
  };
}
