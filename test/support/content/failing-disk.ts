// A disk that is about to die: calls to it fail, here and there, for every user of files in this process.
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

type Method = (...args: never[]) => unknown;

const OF_PATHS = ['open', 'rename', 'mkdir', 'rm', 'unlink', 'lstat', 'readdir', 'opendir', 'copyFile'] as const;
const OF_PATHS_AT_ONCE = ['lstatSync', 'lutimesSync'] as const;
const OF_FILES = ['read', 'write', 'writev', 'sync', 'chmod', 'utimes', 'stat'] as const;

export type DiskCall = (typeof OF_PATHS | typeof OF_PATHS_AT_ONCE | typeof OF_FILES)[number];

/** Works until it is told to fail. Dispose of it, or it stays in the way of the next test. */
export class FailingDisk implements Disposable {
  readonly #originals: (() => void)[] = [];
  #due: (call: DiskCall) => boolean = () => false;

  private constructor() {
    // See `install`.
  }

  static async install(): Promise<FailingDisk> {
    await using file = await open(import.meta.filename);
    const disk = new FailingDisk();
    for (const name of OF_PATHS) disk.#wrap(fs.promises as never, name);
    for (const name of OF_PATHS_AT_ONCE) disk.#wrap(fs as never, name);
    for (const name of OF_FILES) disk.#wrap(Object.getPrototypeOf(file) as never, name);
    syncBuiltinESMExports();
    return disk;
  }

  /** Each of these calls fails from now on; a write by whatever call. */
  breakDown(...calls: readonly DiskCall[]): void {
    this.#due = (call) => calls.includes(call === 'writev' ? 'write' : call);
  }

  /** Only the call that comes after so many fails, whichever it is. Says whether there was one. */
  failOnce(afterCalls: number): () => boolean {
    let left = afterCalls;
    this.#due = () => (left -= 1) === -1;
    return () => left < 0;
  }

  recover(): void {
    this.#due = () => false;
  }

  [Symbol.dispose](): void {
    for (const restore of this.#originals) restore();
    syncBuiltinESMExports();
  }

  #wrap(owner: Record<string, Method>, name: DiskCall): void {
    const original = owner[name]!;
    const refuse = () => {
      const error = new Error(`EIO: i/o error, ${name}`);
      return this.#due(name) && Object.assign(error, { code: 'EIO', errno: -5, syscall: name });
    };
    const failing = name.endsWith('Sync')
      ? function (this: unknown, ...args: never[]): unknown {
          const error = refuse();
          if (error) throw error;
          return original.apply(this, args);
        }
      : async function (this: unknown, ...args: never[]): Promise<unknown> {
          const error = refuse();
          if (error) throw error;
          return await original.apply(this, args);
        };
    owner[name] = failing;
    this.#originals.push(() => {
      owner[name] = original;
    });
  }
}
