import { hash, randomUUID } from 'node:crypto';
import { type Answer, textAnswer } from '../origin/answer.ts';
import { answerBytes } from '../origin/byte-range.ts';
import type { Request } from '../origin/request.ts';
import type { Blob } from '../registry/content.ts';

const LIFETIME_SECONDS = 1200;
const PATH = /^\/registry-v2\/docker\/registry\/v2\/blobs\/(sha256|sha512)\/[0-9a-f]{2}\/([0-9a-f]+)\/data$/;

/** Where blobs really live: whoever has a signed URL gets the bytes, until it expires. Any other credential is refused. */
export class BlobCdn {
  readonly #now: () => number;
  readonly #secret = randomUUID();
  readonly #blobs = new Map<string, Blob>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Path and query of a URL for this blob. */
  sign(blob: Blob): string {
    this.#blobs.set(blob.digest, blob);
    const [algorithm, hex = ''] = blob.digest.split(':');
    const path = `/registry-v2/docker/registry/v2/blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
    const expires = String(Math.floor(this.#now() / 1000) + LIFETIME_SECONDS);
    return `${path}?Expires=${expires}&Signature=${this.#signature(path, expires)}&Key-Pair-Id=K2TESTONLY`;
  }

  answer(request: Request): Answer {
    const { path, query, headers } = request;
    if (headers.authorization !== undefined) {
      return xmlError(400, 'InvalidArgument', 'Only one auth mechanism allowed');
    }
    const expires = query.get('Expires') ?? '';
    const isSigned = query.get('Signature') === this.#signature(path, expires);
    if (!isSigned || Number(expires) * 1000 <= this.#now()) return xmlError(403, 'AccessDenied', 'Access denied');
    const [, algorithm, hex] = PATH.exec(path) ?? [];
    const blob = this.#blobs.get(`${algorithm}:${hex}`);
    if (blob === undefined) return xmlError(404, 'NoSuchKey', 'The specified key does not exist.');
    return answerBytes(blob.parts, request, { 'content-type': 'application/octet-stream', etag: `"${hex}"` });
  }

  #signature(path: string, expires: string): string {
    return hash('sha256', `${this.#secret} ${path} ${expires}`, 'base64url');
  }
}

function xmlError(status: number, code: string, message: string): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return textAnswer(status, body, { 'content-type': 'application/xml' });
}
