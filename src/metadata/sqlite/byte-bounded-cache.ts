/** What an entry costs beside its bytes, roughly. */
const OVERHEAD_BYTES = 300;

/** Bytes that are used again and again; what was not used for longest goes when they become too many. */
export class ByteBoundedCache<K> {
  readonly #maxBytes: number;
  readonly #entries = new Map<K, Uint8Array>();
  #heldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: K): Uint8Array | undefined {
    const bytes = this.#entries.get(key);
    if (bytes === undefined) return undefined;
    // A Map keeps the order in which keys came: the first is the one that was not used for longest.
    this.#entries.delete(key);
    this.#entries.set(key, bytes);
    return bytes;
  }

  /** Nothing is kept of what alone would take a quarter of the room. */
  set(key: K, bytes: Uint8Array): void {
    if (bytes.byteLength > this.#maxBytes / 4 || this.#entries.has(key)) return;
    this.#entries.set(key, bytes);
    this.#heldBytes += bytes.byteLength + OVERHEAD_BYTES;
    for (const [oldest, held] of this.#entries) {
      if (this.#heldBytes <= this.#maxBytes) return;
      this.#entries.delete(oldest);
      this.#heldBytes -= held.byteLength + OVERHEAD_BYTES;
    }
  }
}
