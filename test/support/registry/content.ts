import type { Digest } from '../../../src/oci/digest.ts';
import type { Manifest } from '../../../src/oci/manifest.ts';
import { sizeOf } from '../origin/answer.ts';

/** A blob as a list of parts, so that blobs can share what they have in common. */
export interface Blob {
  readonly digest: Digest;
  readonly parts: readonly Uint8Array[];
  readonly sizeBytes: number;
}

export function blobOf(digest: Digest, parts: readonly Uint8Array[]): Blob {
  return { digest, parts, sizeBytes: sizeOf(parts) };
}

/** What the reading part of a registry asks of whoever has the content. Names are as the client wrote them. */
export interface Content {
  /** Sorted. */
  repositories(): readonly string[];
  /** Sorted; `undefined` when there is no such repository. */
  tags(repository: string): readonly string[] | undefined;
  manifest(repository: string, reference: string): Manifest | undefined;
  blob(repository: string, digest: string): Blob | undefined;
}
