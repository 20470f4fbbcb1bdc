import type { NewName } from '../copy/pair-images.ts';
import type { Digest } from '../oci/digest.ts';
import type { OpenDestination } from './copy-destinations.ts';
import type { SourceImage } from './copy-sources.ts';

/** An image with its name at a destination. */
export interface PairedImage {
  readonly image: SourceImage;
  readonly name: NewName;
}

/** What became of one image at one destination. */
export interface CopyOutcome {
  readonly source: string;
  readonly destination: string;
  /** Of what is at the destination; absent where nothing came of it. */
  readonly digest?: Digest | undefined;
  /** `deferred`: no pulls were left for it. */
  readonly outcome: 'copied' | 'upToDate' | 'deferred' | 'failed';
  /** That were sent; of several tags of one image the first has them all. */
  readonly bytes: number;
  /** So many manifests that refer to it are there too: signatures, attestations, … */
  readonly referrers?: number | undefined;
  /** For machines: `MANIFEST_UNKNOWN`, `CONNECTION_REFUSED`, … */
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

export function uncopied(destination: OpenDestination, { image, name }: PairedImage, error: unknown): CopyOutcome {
  return { source: image.text, destination: destination.describe(name), bytes: 0, ...whyUncopied(error) };
}

export function whyUncopied(error: unknown): Pick<CopyOutcome, 'outcome' | 'code' | 'message'> {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN';
  return { outcome: code === 'PULL_LIMIT' ? 'deferred' : 'failed', code, message };
}
