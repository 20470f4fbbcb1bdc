// The one call by which the kubelet, or crictl, pulls: PullImage of the Container Runtime Interface. It is gRPC over a
// socket, and both messages have a single text in them, so no library is needed.
import { type IncomingHttpHeaders, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface PulledByCri {
  /** 0 is success. */
  readonly status: number;
  /** What it has against it. */
  readonly message: string;
  readonly answer: string;
}

export async function pullByCri(socket: string, image: string): Promise<PulledByCri> {
  const session = connect('http://localhost', { createConnection: () => connectSocket(socket) });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/runtime.v1.ImageService/PullImage',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let ending: IncomingHttpHeaders = {};
    // A call that fails at once has its status in the headers.
    stream.on('response', (headers) => (ending = { ...ending, ...headers }));
    stream.on('trailers', (headers) => (ending = { ...ending, ...headers }));
    // PullImageRequest.image, of which ImageSpec.image
    stream.end(framed(field(1, field(1, Buffer.from(image)))));
    const answer = await buffer(stream);
    const { 'grpc-status': status = '-1', 'grpc-message': message = '' } = ending;
    return { status: Number(status), message: decodeURIComponent(String(message)), answer: answer.toString('latin1') };
  } finally {
    session.close();
  }
}

/** Of a message: a field that has bytes. All here are short enough for a length of one byte. */
function field(number: number, bytes: Buffer): Buffer {
  if (bytes.length > 127) throw new Error(`${bytes.length} bytes are more than a short field has`);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** Not compressed, and its length. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
