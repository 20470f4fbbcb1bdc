import { readv } from 'node:fs';
import { type AnswerBody, type FileSlice, isFileSlice } from './distribution/answer.ts';
import { sizeOfParts, sliceParts } from '../streams/parts.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Outlet } from './outlet.ts';

/** One read fills four buffers: a system call for each MiB. */
const BUFFERS_A_READ = 4;

/** Whoever takes it slowly keeps it from being freed: no more than one buffer of the pool. */
const MAX_RECENT_BYTES = 256 * 1024;

/** Sends a body and gives it back, however that ends. Rejects when the client leaves, or when the body breaks off. */
export async function sendBody(body: AnswerBody, outlet: Outlet, pool: BufferPool): Promise<void> {
  if (body instanceof Uint8Array) await outlet.write([body]);
  else if (isFileSlice(body)) await sendSlice(body, outlet, pool);
  else await sendStream(body, outlet);
  if (!outlet.isWhole) throw new Error(`a body ended early, after ${outlet.sentBytes} bytes`);
}

async function sendStream(stream: ReadableStream<Uint8Array>, outlet: Outlet): Promise<void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await outlet.whileConnected(reader.read());
      if (done) return;
      await outlet.write([value]);
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  }
}

async function sendSlice(slice: FileSlice, outlet: Outlet, pool: BufferPool): Promise<void> {
  const reader = new SliceReader(slice, pool);
  try {
    await reader.sendTo(outlet);
  } finally {
    await reader.settle();
    await slice.close();
  }
}

interface Chunk {
  readonly buffers: readonly Uint8Array[];
  readonly sizeBytes: number;
}

/** Reads the next chunk while the one before is on its way: two chunks a transfer, or one where memory is scarce. */
class SliceReader {
  readonly #slice: FileSlice;
  readonly #pool: BufferPool;
  #position = 0;
  /** How far the file may be read by now. */
  #grownTo: number;
  #reading: Promise<Chunk> | undefined;

  constructor(slice: FileSlice, pool: BufferPool) {
    this.#slice = slice;
    this.#pool = pool;
    this.#grownTo = slice.grownPast === undefined ? slice.sizeBytes : 0;
  }

  async sendTo(outlet: Outlet): Promise<void> {
    while (this.#position < this.#slice.sizeBytes) {
      if (this.#grownTo < this.#slice.sizeBytes) await this.#awaitGrowth(outlet);
      const recent = this.#takeRecent();
      if (recent.length > 0) {
        await outlet.write(recent);
        continue;
      }
      const chunk = await (this.#reading ?? this.#read());
      this.#reading = undefined;
      this.#position += chunk.sizeBytes;
      if (this.#position < this.#grownTo && !this.#pool.isScarce && !this.#isInMemory) this.#readAhead();
      try {
        await outlet.write(partsOf(chunk));
      } catch (error) {
        this.#pool.drop(chunk.buffers);
        throw error;
      }
      this.#pool.give(chunk.buffers);
    }
  }

  /** The file may be closed only when nobody reads it any more. */
  async settle(): Promise<void> {
    const chunk = await this.#reading?.catch(() => undefined);
    if (chunk !== undefined) this.#pool.give(chunk.buffers);
  }

  get #isInMemory(): boolean {
    return (this.#slice.recent?.(this.#position).length ?? 0) > 0;
  }

  /** Everybody who reads along sends the same memory: to read the file as often costs more than the sending. */
  #takeRecent(): readonly Uint8Array[] {
    if (this.#reading !== undefined) return [];
    const mayEnd = Math.min(this.#grownTo - this.#position, MAX_RECENT_BYTES);
    const recent = sliceParts(this.#slice.recent?.(this.#position) ?? [], 0, mayEnd);
    this.#position += sizeOfParts(recent);
    return recent;
  }

  async #awaitGrowth(outlet: Outlet): Promise<void> {
    const grown = this.#slice.grownPast?.(this.#position) ?? this.#slice.sizeBytes;
    this.#grownTo = grown instanceof Promise ? await outlet.whileConnected(grown) : grown;
  }

  #readAhead(): void {
    this.#reading = this.#read();
    // Its failure is told by the next turn of the loop, or to nobody when the client has left.
    this.#reading.catch(() => undefined);
  }

  async #read(): Promise<Chunk> {
    const { fd, offset } = this.#slice;
    const leftBytes = this.#grownTo - this.#position;
    const buffers = this.#pool.take(leftBytes, BUFFERS_A_READ);
    try {
      const readBytes = await readVector(fd, buffers, offset + this.#position);
      if (readBytes === 0) throw new Error(`the file ended ${leftBytes} bytes early`);
      return { buffers, sizeBytes: Math.min(readBytes, leftBytes) };
    } catch (error) {
      this.#pool.give(buffers);
      throw error;
    }
  }
}

function readVector(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readv(fd, buffers, position, (error, readBytes) => (error ? reject(error) : resolve(readBytes)));
  });
}

function partsOf({ buffers, sizeBytes }: Chunk): readonly Uint8Array[] {
  let leftBytes = sizeBytes;
  return buffers.map((buffer) => {
    const part = buffer.subarray(0, leftBytes);
    leftBytes -= part.byteLength;
    return part;
  });
}
