import type { Awaitable } from '../../async/awaitable.ts';

/** A blob on its way here, fetched by this process or by another: a file that grows. */
export interface SharedFill {
  readonly fd: number;
  /** Of the whole. */
  readonly sizeBytes: number;
  /**
   * How many bytes may be read by now, once they are more than `count`, or all there are; the last one only when the whole
   * has hashed right. Who is cautious reads a part that could be taken for whole before that, and gets what came from the
   * owner of the repository alone. Rejects when there will be no more.
   */
  grownPast(count: number, isCautious: boolean): Awaitable<number>;
  /** What memory has from the position on, if anything. It may be more than may be read by now. */
  recentFrom?(position: number): readonly Uint8Array[];
  /** Keeps the file open, until `leave`. */
  join(): void;
  leave(): Promise<void>;
}
