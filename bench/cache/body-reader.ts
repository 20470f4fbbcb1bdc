// A client that reads as fast as it can and keeps next to nothing: what it costs is not to hide what the server does.
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { monotonicMs } from './monotonic.ts';

export interface Received {
  readonly sizeBytes: number;
  /** Of a body that is no longer than a manifest may be here; else its beginning. */
  readonly beginning: Buffer;
  readonly askedAtMs: number;
  readonly firstByteAtMs: number;
}

const READ_BYTES = 256 * 1024;
const KEPT_BYTES = 16 * 1024;
const ACCEPT = `${MEDIA_TYPES.ociIndex}, ${MEDIA_TYPES.ociImage}, */*`;

/** One connection that is kept, with one request on it at a time. */
export class BodyReader implements Disposable {
  readonly #socket: Socket;
  readonly #host: string;
  #answer: Answer | undefined;

  private constructor(host: string) {
    const { hostname, port } = new URL(`http://${host}`);
    this.#host = host;
    const callback = (count: number, bytes: Uint8Array) => {
      this.#answer?.take(Buffer.from(bytes.buffer, bytes.byteOffset, count));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket.once('close', () => this.#answer?.fail(new Error(`${host} closed the connection early`)));
  }

  /** `host` is `127.0.0.1:5000`. */
  static async open(host: string): Promise<BodyReader> {
    const reader = new BodyReader(host);
    await once(reader.#socket, 'connect');
    return reader;
  }

  /** Rejects when the answer is not 200 with a length. */
  async get(target: string): Promise<Received> {
    const answer = new Answer(target);
    this.#answer = answer;
    this.#socket.write(`GET ${target} HTTP/1.1\r\nhost: ${this.#host}\r\naccept: ${ACCEPT}\r\n\r\n`);
    return await answer.received;
  }

  [Symbol.dispose](): void {
    this.#answer = undefined;
    this.#socket.destroy();
  }
}

class Answer {
  readonly #target: string;
  readonly #whole = Promise.withResolvers<Received>();
  readonly #askedAtMs = monotonicMs();
  #head = '';
  #sizeBytes: number | undefined;
  #receivedBytes = 0;
  #firstByteAtMs = 0;
  readonly #kept = Buffer.alloc(KEPT_BYTES);

  constructor(target: string) {
    this.#target = target;
  }

  get received(): Promise<Received> {
    return this.#whole.promise;
  }

  fail(error: Error): void {
    this.#whole.reject(error);
  }

  take(bytes: Buffer): void {
    const body = this.#sizeBytes === undefined ? this.#takeHead(bytes) : bytes;
    if (this.#sizeBytes === undefined) return;
    if (body.byteLength > 0 && this.#receivedBytes === 0) this.#firstByteAtMs = monotonicMs();
    if (this.#receivedBytes < KEPT_BYTES) body.copy(this.#kept, this.#receivedBytes);
    this.#receivedBytes += body.byteLength;
    if (this.#receivedBytes < this.#sizeBytes) return;
    this.#whole.resolve({
      sizeBytes: this.#sizeBytes,
      beginning: this.#kept.subarray(0, this.#receivedBytes),
      askedAtMs: this.#askedAtMs,
      firstByteAtMs: this.#firstByteAtMs,
    });
  }

  /** Gives what of the bytes is of the body. */
  #takeHead(bytes: Buffer): Buffer {
    const before = this.#head.length;
    this.#head += bytes.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return bytes.subarray(bytes.byteLength);
    const head = this.#head.slice(0, end);
    const length = /^content-length: (\d+)/im.exec(head)?.[1];
    if (head.slice(9, 12) === '200' && length !== undefined) this.#sizeBytes = Number(length);
    else this.fail(new Error(`${this.#target} was answered with: ${head}`));
    return bytes.subarray(end + 4 - before);
  }
}
