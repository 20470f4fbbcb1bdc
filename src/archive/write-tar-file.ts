// A tar of files whose sizes are known: each has its place before the first byte is there, so several are written at
// once, and equal files make equal bytes.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { forEach } from '../async/for-each.ts';
import type { FileSlice, OpenBlob } from '../content/blob-store.ts';
import { codeOf, toStorageError } from '../content/storage-error.ts';
import { type Digest, DigestHasher, algorithmOf } from '../oci/digest.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { BLOCK_BYTES, formatFileHeader, padded } from './tar-header.ts';

export interface FileToWrite {
  readonly name: string;
  readonly sizeBytes: number;
  /** Of the bytes; checked where they come from a file, as what is opened otherwise was. */
  readonly digest?: Digest | undefined;
  /** Exactly so many bytes, or a failure: a stream of hashed ones, or a blob of this machine. */
  readonly open: () => Promise<AsyncIterable<Uint8Array> | OpenBlob>;
}

export interface WriteTarOptions extends Call {
  readonly onBytes?: ((count: number) => void) | undefined;
}

const FILES_AT_ONCE = 6;
const COPY_BYTES = 512 * 1024;
const END_BLOCKS = 2;
/** Of file systems that know no second names, such as those of most USB sticks. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/**
 * Writes under a name of its own beside it, which becomes `file` when it is whole and flushed. Throws UsageError when
 * `file` exists, and leaves nothing behind when it throws.
 */
export async function writeTarFile(
  file: string,
  files: readonly FileToWrite[],
  options: WriteTarOptions = {},
): Promise<void> {
  refuseExisting(file);
  const temporary = `${file}.${randomUUID()}.part`;
  try {
    {
      await using handle = await open(temporary, 'wx');
      await writeFiles(handle, files, options);
      await handle.sync();
    }
    await putInPlace(temporary, file);
  } catch (error) {
    throw explained(error, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Throws UsageError. */
export function refuseExisting(file: string): void {
  if (existsSync(file)) throw new UsageError(`${file} exists already; remove it, or write to another file`);
}

async function writeFiles(handle: FileHandle, files: readonly FileToWrite[], options: WriteTarOptions): Promise<void> {
  const placed: { readonly file: FileToWrite; readonly header: Uint8Array; readonly at: number }[] = [];
  let end = 0;
  for (const file of files) {
    const header = formatFileHeader(file.name, file.sizeBytes);
    placed.push({ file, header, at: end });
    end += header.byteLength + padded(file.sizeBytes);
  }
  // What is not written between the files are zeros.
  await handle.truncate(end + END_BLOCKS * BLOCK_BYTES);
  await forEach(placed, FILES_AT_ONCE, async ({ file, header, at }) => {
    options.signal?.throwIfAborted();
    await writeAll(handle, header, at);
    await writeBody(handle, file, at + header.byteLength, options);
  });
}

async function writeBody(handle: FileHandle, file: FileToWrite, at: number, options: WriteTarOptions): Promise<void> {
  const opened = await file.open();
  if (!('slice' in opened)) {
    await writeStream(handle, file, opened, at, options);
    return;
  }
  await using blob = opened;
  const slice = blob.sizeBytes === file.sizeBytes ? blob.slice() : undefined;
  if (slice === undefined) await writeStream(handle, file, blob.stream(), at, options);
  else await copySlice(slice, handle, file, at, options);
}

// The next bytes are read and these are written while these are hashed; two buffers take turns.
async function copySlice(from: FileSlice, to: FileHandle, file: FileToWrite, at: number, options: WriteTarOptions) {
  const { digest, sizeBytes } = file;
  const hasher = digest && new DigestHasher(algorithmOf(digest));
  const bufferBytes = Math.min(COPY_BYTES, sizeBytes);
  let [current, other] = [Buffer.allocUnsafeSlow(bufferBytes), Buffer.allocUnsafeSlow(bufferBytes)];
  const read = async (buffer: Buffer, position: number): Promise<Buffer> => {
    const length = Math.min(buffer.byteLength, sizeBytes - position);
    if (length <= 0) return buffer.subarray(0, 0);
    const { bytesRead } = await from.file.read(buffer, 0, length, from.startByte + position);
    if (bytesRead === 0) throw otherBytes(file);
    return buffer.subarray(0, bytesRead);
  };
  let bytes = await read(current, 0);
  for (let position = 0; position < sizeBytes;) {
    options.signal?.throwIfAborted();
    const next = position + bytes.byteLength;
    const both = Promise.all([writeAll(to, bytes, at + position), read(other, next)]);
    hasher?.update(bytes);
    options.onBytes?.(bytes.byteLength);
    [, bytes] = await both;
    [current, other] = [other, current];
    position = next;
  }
  if (hasher !== undefined && hasher.digest() !== digest) throw otherBytes(file);
}

async function writeStream(
  handle: FileHandle,
  file: FileToWrite,
  body: AsyncIterable<Uint8Array>,
  at: number,
  options: WriteTarOptions,
): Promise<void> {
  let written = 0;
  for await (const bytes of body) {
    options.signal?.throwIfAborted();
    written += bytes.byteLength;
    if (written > file.sizeBytes) break;
    await writeAll(handle, bytes, at + written - bytes.byteLength);
    options.onBytes?.(bytes.byteLength);
  }
  if (written !== file.sizeBytes) throw otherBytes(file);
}

function otherBytes({ name, sizeBytes }: FileToWrite): UsageError {
  return new UsageError(
    `${name} has other bytes than the ${sizeBytes} that its name says; what it comes from is damaged: try wharf check`,
  );
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.byteLength - written, at + written);
    written += bytesWritten;
  }
}

// A second name does not replace a file that came meanwhile, as renaming would.
async function putInPlace(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') refuseExisting(file);
    if (!NO_LINKS.has(codeOf(error))) throw error;
    refuseExisting(file);
    await rename(temporary, file);
  }
}

function explained(error: unknown, file: string): unknown {
  const known = toStorageError(error, file);
  const code = codeOf(known);
  return code === undefined ? known : new UsageError(`${file} cannot be written (${code})`, { cause: error });
}
