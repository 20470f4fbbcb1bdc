// A tar on a disk, whose files are read where they lie: nothing is unpacked, and no name becomes a path.
import path from 'node:path';
import { type PlainFile, openPlainFile } from '../content/filesystem/blob-file.ts';
import { toStorageError } from '../content/storage-error.ts';
import { UsageError } from '../oci/usage-error.ts';
import { quote } from './image-name.ts';
import { BLOCK_BYTES, MAX_RECORDS_BYTES, type TarHeader, padded, readHeader, readRecords } from './tar-header.ts';

export interface TarMember {
  readonly startByte: number;
  readonly sizeBytes: number;
}

const READ_BYTES = 256 * 1024;
const TRANSIENT_BYTES = 512 * 1024;
const MAX_ENTRIES = 1_000_000;
const MAX_NAME_LENGTH = 1024;

/** Dispose of it to close the file. */
export class TarFile implements AsyncDisposable {
  readonly label: string;
  readonly #file: PlainFile;
  readonly #members: ReadonlyMap<string, TarMember>;

  private constructor(label: string, file: PlainFile, members: ReadonlyMap<string, TarMember>) {
    this.label = label;
    this.#file = file;
    this.#members = members;
  }

  /**
   * Reads the headers alone, all of them: what has links, names that lead out of it, one name twice, or breaks off, is
   * refused before anything of it is used. Throws UsageError.
   */
  static async open(file: string, label: string): Promise<TarFile> {
    const found = await openPlainFile(file);
    if (found === undefined) throw new UsageError(`there is no file ${label}`);
    try {
      return new TarFile(label, found, await readMembers(found, label));
    } catch (error) {
      await found.handle.close();
      throw error;
    }
  }

  /** By their names within the archive. */
  get members(): ReadonlyMap<string, TarMember> {
    return this.#members;
  }

  /**
   * Throws UsageError where there is no such file. With `isTransient` a chunk holds its bytes until the next one is asked
   * for: for whoever is done with each by then, half the time.
   */
  stream(name: string, options: { readonly isTransient?: boolean } = {}): ReadableStream<Uint8Array> {
    const member = this.#members.get(name);
    if (member === undefined) throw new UsageError(`${this.label} has no file ${quote(name)}`);
    const read = options.isTransient === true ? readTransient : readChunks;
    const chunks = read(this.#file, member, this.label);
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await chunks.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.handle.close();
  }
}

async function readMembers(file: PlainFile, label: string): Promise<Map<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const blocks = new Blocks(file, label);
  let said: { readonly name?: string; readonly sizeBytes?: number } = {};
  let entries = 0;
  for (let at = 0; ;) {
    // The two blocks of zeros are missing from what some programs write.
    const header = at === file.sizeBytes ? undefined : readHeader(await blocks.read(at, BLOCK_BYTES), label);
    if (header === undefined) {
      if (at === 0) throw new UsageError(`${label} is not a whole tar archive: it is empty`);
      return members;
    }
    entries += 1;
    if (entries > MAX_ENTRIES) throw new UsageError(`${label} has more than ${MAX_ENTRIES} entries, and is not read`);
    const startByte = at + BLOCK_BYTES;
    const sizeBytes = said.sizeBytes ?? header.sizeBytes;
    at = startByte + padded(sizeBytes);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || startByte + sizeBytes > file.sizeBytes) {
      throw new UsageError(`${label} is not a whole tar archive: it ends within ${quote(header.name)}`);
    }
    if (header.kind === 'pax' || header.kind === 'gnu-name') {
      said = { ...said, ...(await readMore(header, blocks, startByte, label)) };
    } else if (header.kind !== 'pax-of-all') {
      take(members, said.name ?? header.name, header, { startByte, sizeBytes }, label);
      said = {};
    }
  }
}

async function readMore({ kind, sizeBytes }: TarHeader, blocks: Blocks, at: number, label: string) {
  if (sizeBytes > MAX_RECORDS_BYTES) {
    throw new UsageError(
      `${label} has ${sizeBytes} bytes to say of one file; more than ${MAX_RECORDS_BYTES} are not read`,
    );
  }
  const bytes = await blocks.read(at, sizeBytes);
  return kind === 'pax' ? readRecords(bytes, label) : { name: Buffer.from(bytes).toString('utf8').replace(/\0+$/, '') };
}

function take(members: Map<string, TarMember>, written: string, header: TarHeader, member: TarMember, label: string) {
  const parts = written.split('/');
  const isWithin = written !== '' && !written.startsWith('/') && !parts.includes('..');
  if (!isWithin || written.length > MAX_NAME_LENGTH || /[\0\\]/.test(written)) {
    throw new UsageError(`${label} has an entry of the name ${quote(written)}, which is not within it; it is not read`);
  }
  if (header.kind === 'folder') return;
  if (header.kind !== 'file') {
    throw new UsageError(`${label} has a link or a device of the name ${quote(written)}; it is not read`);
  }
  const name = path.posix.normalize(written);
  if (members.has(name)) throw new UsageError(`${label} has two entries of the name ${quote(name)}`);
  members.set(name, member);
}

/** Headers of small files lie close together: what was read of the file last is kept. */
class Blocks {
  readonly #file: PlainFile;
  readonly #label: string;
  #kept = { at: 0, bytes: Buffer.alloc(0) };

  constructor(file: PlainFile, label: string) {
    this.#file = file;
    this.#label = label;
  }

  async read(at: number, length: number): Promise<Uint8Array> {
    const from = at - this.#kept.at;
    if (from >= 0 && from + length <= this.#kept.bytes.byteLength)
      return this.#kept.bytes.subarray(from, from + length);
    const buffer = Buffer.alloc(Math.max(length, MAX_RECORDS_BYTES));
    const { bytesRead } = await this.#file.handle.read(buffer, 0, buffer.byteLength, at).catch((error: unknown) => {
      throw toStorageError(error, this.#label);
    });
    this.#kept = { at, bytes: buffer.subarray(0, bytesRead) };
    if (bytesRead < length) throw new UsageError(`${this.#label} is not a whole tar archive: it breaks off`);
    return buffer.subarray(0, length);
  }
}

async function* readChunks(file: PlainFile, { startByte, sizeBytes }: TarMember, label: string) {
  const end = startByte + sizeBytes;
  for (let position = startByte; position < end;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, end - position));
    const bytes = await readInto(buffer, file, position, label);
    position += bytes.byteLength;
    yield bytes;
  }
}

/** Two buffers take turns: one is read into while the other one is worked on. */
async function* readTransient(file: PlainFile, { startByte, sizeBytes }: TarMember, label: string) {
  const end = startByte + sizeBytes;
  const bufferBytes = Math.min(TRANSIENT_BYTES, sizeBytes);
  let [current, other] = [Buffer.allocUnsafeSlow(bufferBytes), Buffer.allocUnsafeSlow(bufferBytes)];
  const readAt = (buffer: Buffer, position: number) => {
    const reading = readInto(buffer.subarray(0, end - position), file, position, label);
    // It is awaited at the next chunk, if there ever is one.
    reading.catch(() => undefined);
    return reading;
  };
  let next = sizeBytes === 0 ? undefined : readAt(current, startByte);
  for (let position = startByte; next !== undefined;) {
    const bytes: Buffer = await next;
    position += bytes.byteLength;
    [current, other] = [other, current];
    next = position < end ? readAt(current, position) : undefined;
    yield bytes;
  }
}

async function readInto(buffer: Buffer, file: PlainFile, position: number, label: string): Promise<Buffer> {
  try {
    const { bytesRead } = await file.handle.read(buffer, 0, buffer.byteLength, position);
    if (bytesRead === 0) throw new UsageError(`${label} became shorter while it was read`);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw toStorageError(error, label);
  }
}
