/** Whether trying again can help: errors say so themselves, as only their maker knows. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'isRetryable' in error && error.isRetryable === true;
}
