import { createHash, type Hash } from 'node:crypto';
import { OciError } from './errors.ts';

declare const digestBrand: unique symbol;

/** `algorithm:hex`, checked: image-spec, descriptor.md §Digests. Only sha256 and sha512 exist here. */
export type Digest = string & { readonly [digestBrand]: true };

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

type DigestAlgorithm = 'sha256' | 'sha512';

/** Throws DIGEST_INVALID, naming the offending text. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new OciError('DIGEST_INVALID', `"${shorten(text)}" is not a sha256 or sha512 digest`);
  }
  return text;
}

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

/** A running hash for one digest: feed it bytes, then ask whether they were the right ones. */
export class DigestHasher {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** May be called once. */
  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest('hex')}` as Digest;
  }
}

function shorten(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
