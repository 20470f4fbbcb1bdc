// A blob from several sources: when one breaks off, another goes on at the same byte. A body that was stitched together
// and hashes wrong proves nobody a liar: it is given up, and the next transfer takes a whole body from one source.
import type { Digest } from '../oci/digest.ts';
import type { BlobBody, BlobCall } from '../oci/repository.ts';
import { verifyDigest } from '../streams/verify-digest.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRepository } from './remote-repository.ts';

export interface BlobSource {
  readonly repository: RemoteRepository;
  /** The owner of the repository, not a mirror. */
  readonly isAuthority?: boolean | undefined;
  /** Told of each failure: of a request, of a broken body, and of a whole body that hashes wrong. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

export interface BlobTransferOptions extends BlobCall {
  readonly digest: Digest;
  /** In the order of their cost; at least one. */
  readonly sources: readonly BlobSource[];
  /** Whether a broken body may be continued; else it fails. */
  readonly mayStitch: boolean;
  /** Told when a body of several answers hashes wrong. */
  readonly onStitchedWrong: () => void;
  /** Where to begin: whoever reads it has what is before. */
  readonly startByte?: number | undefined;
}

/** The bytes as they come, for whoever hashes the whole himself and believes nothing before. */
export interface UnverifiedBlob extends BlobBody {
  /** Whether all bytes so far came from the authority. */
  readonly isFromAuthority: boolean;
  /** To be called when the whole hashes wrong: the sources learn from it. Gives the error that says so. */
  wrong(message: string): Error;
}

/** After so many breaks the transfer fails; whoever pushes the blob then opens another. */
const MAX_BREAKS = 8;

export class BlobTransfer {
  readonly #options: BlobTransferOptions;
  #next = 0;
  #current: { readonly source: BlobSource; readonly reader: ReadableStreamDefaultReader<Uint8Array> } | undefined;
  #sizeBytes: number | undefined;
  #received: number;
  #breaks: number;
  #hasBroken = false;
  #isFromAuthority: boolean;

  constructor(options: BlobTransferOptions) {
    const { startByte = 0, sizeBytes } = options;
    this.#options = options;
    this.#sizeBytes = sizeBytes;
    this.#received = startByte;
    // What is before came from whoever had it: the whole is one of several answers.
    this.#breaks = startByte === 0 ? 0 : 1;
    this.#isFromAuthority = startByte === 0;
  }

  /** Rejects with the last source's reason when none has the blob. */
  async open(): Promise<BlobBody> {
    const { digest } = this.#options;
    const { sizeBytes, body } = await this.openUnverified();
    return {
      sizeBytes,
      body: verifyDigest(body, { digest, sizeBytes }, (code, message) => this.#wrong(code, message)),
    };
  }

  /** The same for bytes that nobody has hashed, from `startByte` on. */
  async openUnverified(): Promise<UnverifiedBlob> {
    await this.#openNext();
    const sizeBytes = this.#sizeBytes ?? 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller, sizeBytes),
        cancel: (reason) => this.#current?.reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    const isFromAuthority = () => this.#isFromAuthority;
    return {
      sizeBytes,
      body,
      get isFromAuthority() {
        return isFromAuthority();
      },
      wrong: (message) => this.#wrong('DIGEST_INVALID', message),
    };
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>, sizeBytes: number): Promise<void> {
    for (;;) {
      try {
        const { done = true, value } = (await this.#current?.reader.read()) ?? {};
        if (!done && value !== undefined) {
          this.#received += value.byteLength;
          controller.enqueue(value);
          return;
        }
        if (this.#received >= sizeBytes) {
          controller.close();
          return;
        }
        throw this.#fault('CONNECTION_LOST', `ended ${this.#name} after ${this.#received} of ${sizeBytes} bytes`);
      } catch (error) {
        await this.#continueAfter(error);
      }
    }
  }

  // With the next source, or again with the last one, as a break is nobody's last word.
  async #continueAfter(broken: unknown): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#breaks += 1;
    this.#hasBroken = true;
    this.#current?.source.onFailure?.(broken);
    if (!this.#options.mayStitch || this.#breaks > MAX_BREAKS) throw broken;
    this.#next = Math.min(this.#next, this.#options.sources.length - 1);
    await this.#openNext();
  }

  async #openNext(): Promise<void> {
    const { sources, digest, signal } = this.#options;
    let last: unknown;
    while (this.#next < sources.length) {
      const source = sources[this.#next];
      this.#next += 1;
      if (source === undefined) break;
      try {
        const call = { signal, isContinued: this.#hasBroken };
        const { sizeBytes, body } = await source.repository.unverifiedBlob(digest, this.#received, call);
        this.#sizeBytes ??= sizeBytes;
        this.#current = { source, reader: body.getReader() };
        if (sizeBytes === this.#sizeBytes) {
          this.#isFromAuthority &&= source.isAuthority === true;
          return;
        }
        await this.#current.reader.cancel();
        throw this.#fault('SIZE_INVALID', `says that ${this.#name} has ${sizeBytes} bytes, not ${this.#sizeBytes}`);
      } catch (error) {
        signal?.throwIfAborted();
        source.onFailure?.(error);
        last = error;
      }
    }
    throw last;
  }

  #wrong(code: 'SIZE_INVALID' | 'DIGEST_INVALID', message: string): Error {
    const isStitched = this.#breaks > 0;
    const error = this.#fault(code, `sent ${this.#name} wrongly: ${message}`);
    if (isStitched) this.#options.onStitchedWrong();
    else this.#current?.source.onFailure?.(error);
    return error;
  }

  get #name(): string {
    return this.#current?.source.repository.blobName(this.#options.digest) ?? this.#options.digest;
  }

  #fault(code: 'SIZE_INVALID' | 'DIGEST_INVALID' | 'CONNECTION_LOST', message: string): RemoteError {
    return new RemoteError(this.#current?.source.repository.registry.host ?? '', code, message);
  }
}
