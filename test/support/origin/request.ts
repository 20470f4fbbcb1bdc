import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export type OriginName = 'registry' | 'token' | 'cdn' | 'api' | 'control';

export type RequestKind =
  | 'ping'
  | 'manifest'
  | 'blob'
  | 'upload'
  | 'mount'
  | 'tags'
  | 'catalog'
  | 'token'
  | 'cdn'
  | 'api'
  | 'other';

/** What handlers and faults see of a request: a plain value, but for the body. */
export interface Request {
  readonly origin: OriginName;
  readonly kind: RequestKind;
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** As the client wrote it: path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** The client's address. */
  readonly address: string;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Tells what a request is about before anyone has looked at it closely. Never throws. */
export type Classify = (method: string, path: string, query: URLSearchParams) => RequestKind;

export const NO_QUERY = new URLSearchParams();

export function readRequest(origin: OriginName, message: IncomingMessage, classify: Classify): Request {
  const { method = 'GET', url: target = '/', headers } = message;
  const mark = target.indexOf('?');
  const path = decodePath(mark < 0 ? target : target.slice(0, mark));
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(target.slice(mark));
  const address = (message.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return { origin, kind: classify(method, path, query), method, path, query, target, headers, address, body: message };
}

export async function readBody(request: Request): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request.body));
}

function decodePath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
