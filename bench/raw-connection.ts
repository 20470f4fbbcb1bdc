// As little HTTP/1.1 as a registry's push needs: what a client costs that does nothing else.
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Absent where the answer names none. */
  readonly location: string | undefined;
}

export interface RawRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly mediaType?: string | undefined;
  readonly body?: readonly Uint8Array[] | undefined;
}

const HEAD_END = '\r\n\r\n';

/** One connection that is kept, with one request on it at a time. */
export class RawConnection implements Disposable {
  readonly #socket: Socket;
  readonly #host: string;
  #received = '';

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
  }

  /** `host` is `127.0.0.1:5000`. */
  static async open(host: string): Promise<RawConnection> {
    const { hostname, port } = new URL(`http://${host}`);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket.setEncoding('latin1'), host);
  }

  async request({ method, target, mediaType = 'application/octet-stream', body = [] }: RawRequest): Promise<RawAnswer> {
    const sizeBytes = body.reduce((sum, part) => sum + part.byteLength, 0);
    const head = `${method} ${target} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: ${mediaType}\r\ncontent-length: ${sizeBytes}\r\n\r\n`;
    this.#socket.cork();
    this.#socket.write(head);
    for (const part of body) this.#socket.write(part);
    this.#socket.uncork();
    return await this.#answer();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #answer(): Promise<RawAnswer> {
    const headEnd = await this.#receiveUntil(() => this.#received.indexOf(HEAD_END));
    const head = this.#received.slice(0, headEnd);
    const end = headEnd + HEAD_END.length + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    await this.#receiveUntil(() => (this.#received.length >= end ? end : -1));
    this.#received = this.#received.slice(end);
    return { status: Number(head.slice(9, 12)), location: /^location: (.+)$/im.exec(head)?.[1] };
  }

  async #receiveUntil(found: () => number): Promise<number> {
    for (;;) {
      const at = found();
      if (at >= 0) return at;
      const [text] = (await once(this.#socket, 'data')) as [string];
      this.#received += text;
    }
  }
}
