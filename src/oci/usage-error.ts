/** What the person who typed a command or wrote a configuration has to change. The message is one sentence; exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
