// What a disk refuses, as SQLite says it (primary result codes, https://www.sqlite.org/rescode.html) or the system.
import { UsageError } from '../oci/usage-error.ts';

export type DiskErrorCode = 'DISK_FULL' | 'DISK_FAILING' | 'FILE_BUSY' | 'FILE_DAMAGED';

/** The file cannot be used now: its owner has to do something, or to wait. */
export class DiskError extends UsageError {
  readonly code: DiskErrorCode;

  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const BUSY = 5;
const FULL: ReadonlySet<number | string> = new Set([13, 'ENOSPC', 'EDQUOT']);
const DAMAGED: ReadonlySet<number | string> = new Set([11, 26]); // CORRUPT, NOTADB
const UNUSABLE: ReadonlySet<number | string> = new Set([3, 8, 10, 14]); // PERM, READONLY, IOERR, CANTOPEN

/** A file that opens, and then turns out to hold what nobody wrote. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

export function isBusy(error: unknown): boolean {
  return codeOf(error) === BUSY;
}

export function isDamage(error: unknown): boolean {
  return error instanceof DamagedFileError || DAMAGED.has(codeOf(error) ?? '');
}

const BEGINS_ANEW = 'is damaged; the next run moves it aside and begins a new one';

/**
 * The sentence for what a person can do something about; any other error as it is. `whenDamaged` ends the sentence of a
 * file whose owner does not simply begin a new one.
 */
export function sayWhatToDo(error: unknown, path: string, whenDamaged = BEGINS_ANEW): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const say = (kind: DiskErrorCode, sentence: string) => new DiskError(kind, `${path} ${sentence}`, { cause: error });
  if (FULL.has(code)) return say('DISK_FULL', 'cannot grow, as the disk is full; free some space');
  if (code === BUSY) {
    return say('FILE_BUSY', 'is locked by another process that does not go on; end that process, or try again');
  }
  if (DAMAGED.has(code)) return say('FILE_DAMAGED', whenDamaged);
  if (typeof code === 'number' && !UNUSABLE.has(code)) return error;
  const reason = typeof code === 'string' ? code : (error as Error).message;
  return say(
    'DISK_FAILING',
    `cannot be used (${reason}); check its folder and its disk, or choose another data folder`,
  );
}

function codeOf(error: unknown): number | string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode & 0xff;
  return 'syscall' in error && 'code' in error ? String(error.code) : undefined;
}
