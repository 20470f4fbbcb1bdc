// A layer is a gzip tar of two members: a filler that all layers share, then a few bytes of its own. The hash of the
// shared beginning is computed once and copied, so a layer costs the same whether it has 1 KiB or 100 MiB.
import { createCipheriv, createHash, type Hash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Digest } from '../../../src/oci/digest.ts';
import { type Blob, blobOf } from '../registry/content.ts';
import { tarEnd, tarEntry } from './tar.ts';

export interface Layer {
  readonly blob: Blob;
  /** Of the tar inside, as an image's config names it: image-spec config.md §Layer DiffID. */
  readonly diffId: Digest;
}

// What a layer needs beside its filler, about: two gzip members' frames and the entry of its own.
const OWN_BYTES = 260;
// Each result holds on to a whole chunk of memory, so chunks are small.
const GZIP = { level: 1, memLevel: 1, windowBits: 9, chunkSize: 256 } as const;

export class LayerFactory {
  readonly #filler: Uint8Array;
  readonly #fillerHash: Hash;
  readonly #fillerTarHash: Hash;

  /** Layers will have about `layerBytes`, compressed. */
  constructor(layerBytes: number) {
    const tar = tarEntry('usr/lib/filler.bin', incompressible(Math.max(layerBytes - OWN_BYTES, 0)));
    this.#filler = gzipSync(tar, { level: 1 });
    this.#fillerHash = createHash('sha256').update(this.#filler);
    this.#fillerTarHash = createHash('sha256').update(tar);
  }

  /** The same seed gives the same bytes. */
  layer(seed: string): Layer {
    const tar = Buffer.concat([tarEntry('etc/image-release', Buffer.from(`${seed}\n`)), tarEnd()]);
    const own = gzipSync(tar, GZIP);
    const digest = finish(this.#fillerHash, own);
    return { blob: blobOf(digest, [this.#filler, own]), diffId: finish(this.#fillerTarHash, tar) };
  }
}

function finish(beginning: Hash, rest: Uint8Array): Digest {
  return `sha256:${beginning.copy().update(rest).digest('hex')}` as Digest;
}

function incompressible(length: number): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16)).update(Buffer.alloc(length));
}
