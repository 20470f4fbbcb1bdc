import { isRetryable } from '../async/retryable.ts';

/** A failed copy names the side at fault: whoever reads the report knows where to look. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
  readonly origin: 'source' | 'target';
  /** Of the failure beneath, for machines: `MANIFEST_UNKNOWN`, `CONNECTION_REFUSED`, … */
  readonly code: string;
  readonly isRetryable: boolean;

  constructor(origin: 'source' | 'target', cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.origin = origin;
    this.code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'UNKNOWN';
    this.isRetryable = isRetryable(cause);
  }
}

/** Runs `work` and lays its failure at `origin`, unless a side has been named already. */
export async function blame<T>(origin: 'source' | 'target', work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw blamed(origin, error);
  }
}

export function blamed(origin: 'source' | 'target', error: unknown): unknown {
  const isNamed = error instanceof CopyError || (error instanceof Error && error.name === 'AbortError');
  return isNamed ? error : new CopyError(origin, error);
}
