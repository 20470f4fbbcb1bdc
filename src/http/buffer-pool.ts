/** Measured: reads of 64 KiB lose a third against these. */
const BUFFER_BYTES = 256 * 1024;
/** 8 MiB in use; beyond, each transfer gets by with one buffer. */
const PLENTY = 32;
const MAX_KEPT = 32;

/** Buffers for files on their way to sockets, so that memory does not follow the number of slow clients. */
export class BufferPool {
  readonly #kept: Uint8Array[] = [];
  #taken = 0;

  /** Whether no one should hold more than the one buffer that is needed to go on. */
  get isScarce(): boolean {
    return this.#taken >= PLENTY;
  }

  /** Buffers for up to `sizeBytes`, at most `maxCount` of them and at least one. They hold anything. */
  take(sizeBytes: number, maxCount: number): Uint8Array[] {
    const count = this.isScarce ? 1 : Math.max(1, Math.min(maxCount, Math.ceil(sizeBytes / BUFFER_BYTES)));
    this.#taken += count;
    return Array.from({ length: count }, () => this.#kept.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES));
  }

  /** Nobody reads them or writes to them any more. */
  give(buffers: readonly Uint8Array[]): void {
    this.#taken -= buffers.length;
    this.#kept.push(...buffers.slice(0, MAX_KEPT - this.#kept.length));
  }

  /** The system may still use them: they are not handed out again. */
  drop(buffers: readonly Uint8Array[]): void {
    this.#taken -= buffers.length;
  }
}
