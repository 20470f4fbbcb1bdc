import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Digest, digestOf } from '../../../src/oci/digest.ts';

/** Serves blobs on loopback, and counts. */
export interface FillingServer extends AsyncDisposable {
  readonly url: string;
  /** The bytes from which on each blob was asked for. */
  readonly asked: ReadonlyMap<Digest, readonly number[]>;
  /** Sends what it holds back, and holds nothing back any more. */
  release(): void;
}

export interface FillingServerOptions {
  readonly blobs: readonly Uint8Array[];
  /** So many bytes of each blob are sent, and the rest only after `release`. */
  readonly holdAt?: number;
}

const CHUNK_BYTES = 16_384;

export async function startFillingServer({ blobs, holdAt = Infinity }: FillingServerOptions): Promise<FillingServer> {
  const byDigest = new Map(blobs.map((bytes) => [digestOf(bytes), bytes]));
  const asked = new Map<Digest, number[]>();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const digest = request.url?.slice(1) as Digest;
    const bytes = byDigest.get(digest)!;
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(200, { 'content-length': bytes.byteLength - start });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    asked.set(digest, [...(asked.get(digest) ?? []), start]);
    response.flushHeaders();
    for (let position = start; position < bytes.byteLength && !response.destroyed;) {
      if (position >= holdAt) await released;
      const end = Math.min(position + CHUNK_BYTES, position < holdAt ? holdAt : Infinity);
      response.write(bytes.subarray(position, end));
      position = Math.min(end, bytes.byteLength);
      await turn();
    }
    response.end();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    release,
    async [Symbol.asyncDispose]() {
      release();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
