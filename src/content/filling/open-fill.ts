// How a fill begins: from where a former one ended, or from the beginning where the source has nothing that fits.
import { onAbort } from '../../async/on-abort.ts';
import type { Digest } from '../../oci/digest.ts';
import { type FillSource, type SourceBytes, whyNotSoLong } from './fill-source.ts';
import { FillingFile } from './filling-file.ts';
import type { FillingFolder } from './filling-folder.ts';

export interface FillOpening {
  readonly folder: FillingFolder;
  readonly source: FillSource;
  /** For the opening alone. */
  readonly signal: AbortSignal;
}

export interface OpenedFill {
  /** Its opener has joined it. */
  readonly file: FillingFile;
  readonly bytes: SourceBytes;
  /** Ends what the source sends. */
  readonly abort: AbortController;
}

/** Rejects with what the source says, or with the signal's reason; what was there already stays then. */
export async function openFill(digest: Digest, { folder, source, signal }: FillOpening): Promise<OpenedFill> {
  signal.throwIfAborted();
  const abort = new AbortController();
  const forget = onAbort(signal, () => abort.abort(signal.reason));
  try {
    const openFile = (mayGoOn: boolean) =>
      folder.attempt(() => FillingFile.open(folder.partOf(digest), digest, mayGoOn));
    const begin = async (mayGoOn: boolean) => await withBytes(await openFile(mayGoOn), { digest, source, abort });
    const opened = (source.mayGoOn ? await begin(true) : undefined) ?? (await begin(false));
    if (opened === undefined) throw new Error(`the source of ${digest} has no beginning that fits its length`);
    return opened;
  } finally {
    forget();
  }
}

interface Begun {
  readonly digest: Digest;
  readonly source: FillSource;
  readonly abort: AbortController;
}

/** `undefined` when the source cannot go on with what is in the file. */
async function withBytes(file: FillingFile, { digest, source, abort }: Begun): Promise<OpenedFill | undefined> {
  try {
    const bytes = await bytesFrom(file.writtenBytes, source, abort.signal);
    if (bytes !== undefined) {
      const refusal = whyNotSoLong(digest, bytes.sizeBytes);
      if (refusal === undefined && bytes.sizeBytes >= file.foundBytes) {
        file.wholeBytes = bytes.sizeBytes;
        return { file, bytes, abort };
      }
      void bytes.body.cancel().catch(() => undefined);
      if (refusal !== undefined) throw bytes.wrong(refusal);
    }
  } catch (error) {
    await file.removeIfEmpty();
    await file.leave();
    throw error;
  }
  await file.leave();
  return undefined;
}

async function bytesFrom(startByte: number, source: FillSource, signal: AbortSignal): Promise<SourceBytes | undefined> {
  try {
    return await source.open(startByte, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (startByte > 0 && source.isWithoutRest(error)) return undefined;
    throw error;
  }
}
