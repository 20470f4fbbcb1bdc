// How a proxy is talked to before the connection is the origin's. What is said and what an answer means are generators
// without I/O (http-tunnel.ts, socks5-tunnel.ts); here are the bytes of the socket.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { SendError } from '../../remote/send.ts';

export interface Turn {
  readonly say: Uint8Array;
  /** How many of the bytes heard are the answer; `undefined` while it is not whole. */
  readonly answerEnd: (heard: Uint8Array) => number | undefined;
}

/** Is given the answer to each turn. Throws SendError when the proxy does not do what it is asked. */
export type Conversation = Generator<Turn, void, Uint8Array>;

/** The head of an answer with all the headers that anybody sends; what is longer is no proxy. */
const MAX_ANSWER_BYTES = 16 * 1024;

/** Leaves the socket paused, with what came behind the last answer still to be read. Who called destroys it after a failure. */
export async function converse(socket: Duplex, conversation: Conversation, signal: AbortSignal): Promise<void> {
  let turn = conversation.next();
  while (turn.done !== true) {
    if (turn.value.say.byteLength > 0) socket.write(turn.value.say);
    turn = conversation.next(await hear(socket, turn.value.answerEnd, signal));
  }
}

async function hear(socket: Duplex, answerEnd: Turn['answerEnd'], signal: AbortSignal): Promise<Uint8Array> {
  let heard: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new SendError('PROXY', 'broke the connection');
      await news(socket, signal);
      continue;
    }
    heard = Buffer.concat([heard, chunk]);
    const end = answerEnd(heard);
    if (end !== undefined) {
      if (end < heard.byteLength) socket.unshift(heard.subarray(end));
      return heard.subarray(0, end);
    }
    if (heard.byteLength > MAX_ANSWER_BYTES) throw new SendError('PROXY', 'answered more than a proxy has to say');
  }
}

// The last 'readable' may have come together with the end, and is then followed by 'end' alone.
async function news(socket: Duplex, signal: AbortSignal): Promise<void> {
  const heard = new AbortController();
  const until = { signal: AbortSignal.any([signal, heard.signal]) };
  try {
    await Promise.race(['readable', 'end', 'close'].map((event) => once(socket, event, until)));
  } finally {
    heard.abort();
  }
}
