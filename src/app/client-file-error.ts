import { UsageError } from '../oci/usage-error.ts';

/** The user that we run as may not do it. */
export class NotPermittedError extends UsageError {
  /** Whether the administrator of the machine might. */
  readonly isForRoot: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isForRoot: boolean }) {
    super(message, options);
    this.isForRoot = options.isForRoot;
  }
}

/** What the system says against reading or writing a file, as what a person has to change. */
export function clientFileError(error: unknown, file: string, what: 'found' | 'read' | 'written'): unknown {
  if (error instanceof UsageError) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  const message = `${file} cannot be ${what} (${code})`;
  if (code !== 'EACCES' && code !== 'EPERM') return new UsageError(message, { cause: error });
  return new NotPermittedError(message, { cause: error, isForRoot: process.getuid?.() !== 0 });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
