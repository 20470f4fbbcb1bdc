import { type Socket, connect } from 'node:net';
import { once } from 'node:events';

/** A connection that sends what it is told, which no HTTP client would. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    // A server may break the connection off; what came before that is what counts.
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Reads until the text appears, and no further. */
  async until(text: string): Promise<string> {
    while (!this.#received.includes(text)) {
      const chunk = this.#socket.read() as string | null;
      if (chunk !== null) this.#received += chunk;
      else if (this.#socket.readableEnded || this.#socket.destroyed) throw new Error(`ended after "${this.#received}"`);
      else await Promise.race([once(this.#socket, 'readable'), once(this.#socket, 'close')]);
    }
    return this.#received;
  }

  /** Everything that comes until the server closes the connection. */
  async untilClosed(): Promise<string> {
    this.#socket.on('data', (chunk: string) => (this.#received += chunk));
    if (!this.#socket.closed) await once(this.#socket, 'close');
    return this.#received;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** What a server says to a request until it closes the connection. */
export async function rawExchange(port: number, request: string): Promise<string> {
  using connection = await RawConnection.open(port);
  connection.send(request);
  return await connection.untilClosed();
}
