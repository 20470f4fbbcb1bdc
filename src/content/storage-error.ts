import { UsageError } from '../oci/usage-error.ts';

export type StorageErrorCode = 'STORAGE_FULL' | 'STORAGE_FAILING';

/** The place where bytes are kept takes or gives none: its owner has to do something. */
export class StorageError extends UsageError {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const FAILING: ReadonlySet<string> = new Set([
  'EIO',
  'EROFS',
  'EACCES',
  'EPERM',
  'ENOTDIR',
  'EEXIST',
  'ELOOP',
  'ENODEV',
  'ESTALE',
]);

/** The sentence for what a person can do something about; any other error as it is. */
export function toStorageError(error: unknown, folder: string): unknown {
  const code = codeOf(error);
  if (code !== undefined && FULL.has(code)) {
    const message = `${folder} cannot take more, as its disk is full (${code}); free some space, or choose a larger disk`;
    return new StorageError('STORAGE_FULL', message, { cause: error });
  }
  if (code !== undefined && FAILING.has(code)) {
    const message = `${folder} cannot be used (${code}); check its permissions and its disk, or choose another folder`;
    return new StorageError('STORAGE_FAILING', message, { cause: error });
  }
  return error;
}

/** What the system calls the failure of a call to it. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'syscall' in error && 'code' in error ? String(error.code) : undefined;
}

/** Other processes work in the same place. */
export function nothingIfGone(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
