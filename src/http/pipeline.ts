import type { Socket } from 'node:net';

/** What a handler holds for a request, a file say, is held for a few of a connection's at most: they leave in order. */
const MAX_TOGETHER = 8;

/**
 * The requests of one connection, which may come in a row, faster than their answers are taken (RFC 9112 §9.3.2). A few
 * are begun at a time; the next wait, and the connection is not read meanwhile, except for what node:http has parsed.
 */
export class Pipeline {
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    // node:http reads on for reasons of its own: when a body is asked for, or an answer has left.
    socket.on('resume', () => this.#holdBack());
  }

  /** Now, or when one of those before it has ended; never, when the connection ends first. */
  begin(request: () => void): void {
    if (this.#running >= MAX_TOGETHER) {
      this.#waiting.push(request);
      this.#holdBack();
    } else {
      this.#running += 1;
      request();
    }
  }

  /** To be called once for each request that has begun. */
  end(): void {
    this.#running -= 1;
    const next = this.#socket.destroyed ? undefined : this.#waiting.shift();
    if (next === undefined) return;
    // Before it begins: it may have a body to come.
    if (this.#waiting.length === 0) this.#socket.resume();
    this.begin(next);
  }

  #holdBack(): void {
    if (this.#waiting.length > 0) this.#socket.pause();
  }
}
