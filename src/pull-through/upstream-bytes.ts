import type { FillSource, SourceBytes } from '../content/filling/fill-source.ts';
import type { Digest } from '../oci/digest.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { UpstreamRepository } from '../remote/upstream-repository.ts';

/** A blob of an upstream's repository, from wherever it costs least, for whoever fetches it for all. */
export class UpstreamBytes implements FillSource {
  readonly #source: Pick<UpstreamRepository, 'statBlob' | 'unverifiedBlob' | 'mayStitch'>;
  readonly #digest: Digest;
  #hasAnswered = false;

  constructor(source: Pick<UpstreamRepository, 'statBlob' | 'unverifiedBlob' | 'mayStitch'>, digest: Digest) {
    this.#source = source;
    this.#digest = digest;
  }

  /** Whether it was asked, and said that the repository has the blob. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  get mayGoOn(): boolean {
    return this.#source.mayStitch(this.#digest);
  }

  async open(startByte: number, signal: AbortSignal): Promise<SourceBytes> {
    const bytes = await this.#source.unverifiedBlob(this.#digest, { startByte, signal });
    this.#hasAnswered = true;
    return bytes;
  }

  /** RFC 9110 §15.5.17, and servers that know of no ranges. */
  isWithoutRest(error: unknown): boolean {
    return error instanceof RemoteError && (error.status === 416 || error.code === 'RANGE_INVALID');
  }

  async stat(): Promise<{ readonly sizeBytes: number } | undefined> {
    const blob = await this.#source.statBlob(this.#digest);
    this.#hasAnswered ||= blob !== undefined;
    return blob;
  }
}
