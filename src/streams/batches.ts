/** What a source is ahead of whoever uses its bytes, and so the most that waits in memory, but for one chunk. */
const MAX_AHEAD_BYTES = 512 * 1024;
/** A source may send its bytes one by one. */
const MAX_AHEAD_CHUNKS = 64;

/**
 * A stream's chunks, all those together that came while the ones before were being used: whoever is slow has fewer turns.
 * The first chunk waits for no other. Who ends early cancels the reader.
 */
export async function* batches(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<readonly Uint8Array[], void, void> {
  const ahead = new ReadAhead(reader);
  for (;;) {
    const batch = await ahead.take();
    if (batch.length === 0) return;
    yield batch;
  }
}

class ReadAhead {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;
  #onNews: (() => void) | undefined;
  #onRoom: (() => void) | undefined;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
    void this.#read();
  }

  /** Nothing at the end. Rejects as the stream does, when all that came before has been taken. */
  async take(): Promise<readonly Uint8Array[]> {
    if (this.#chunks.length === 0 && !this.#isOver) await new Promise<void>((resolve) => (this.#onNews = resolve));
    const chunks = this.#chunks;
    if (chunks.length === 0 && this.#failure !== undefined) throw this.#failure.error;
    this.#chunks = [];
    this.#sizeBytes = 0;
    this.#onRoom?.();
    return chunks;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        if (value.byteLength === 0) continue;
        this.#chunks.push(value);
        this.#sizeBytes += value.byteLength;
        this.#onNews?.();
        const isFull = this.#sizeBytes >= MAX_AHEAD_BYTES || this.#chunks.length >= MAX_AHEAD_CHUNKS;
        if (isFull) await new Promise<void>((resolve) => (this.#onRoom = resolve));
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#isOver = true;
    this.#onNews?.();
  }
}
