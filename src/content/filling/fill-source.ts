import { type Digest, algorithmOf, digestOf } from '../../oci/digest.ts';

/** Where the bytes of one blob come from. */
export interface FillSource {
  /**
   * The blob from `startByte` on, as its bytes come: whoever asks hashes the whole. Rejects when there is no such blob, or
   * no answer.
   */
  open(startByte: number, signal: AbortSignal): Promise<SourceBytes>;
  /** Whether bytes of a former attempt may be gone on with. */
  readonly mayGoOn: boolean;
  /** Whether what `open` threw only says that it cannot begin in the middle. */
  isWithoutRest(error: unknown): boolean;
  /** How long it is; `undefined` when there is no such blob. For whoever waits for another process to fetch it. */
  stat(): Promise<{ readonly sizeBytes: number } | undefined>;
}

export interface SourceBytes {
  /** Of the whole blob. */
  readonly sizeBytes: number;
  readonly body: ReadableStream<Uint8Array>;
  /** Whether all bytes so far came from the owner of the repository. */
  readonly isFromAuthority: boolean;
  /** To be called when the whole is not what it should be: the source learns from it. Gives the error to be thrown. */
  wrong(message: string): Error;
}

/** Why a blob cannot be as long as a source says; who reads nothing of an empty one waits for no hash. */
export function whyNotSoLong(digest: Digest, sizeBytes: number): string | undefined {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return `its source says that ${digest} has ${sizeBytes} bytes`;
  if (sizeBytes > 0 || digest === digestOf('', algorithmOf(digest))) return undefined;
  return `its source says that ${digest} is empty, which hashes to something else`;
}
