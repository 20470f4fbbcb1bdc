import { UsageError } from '../oci/usage-error.ts';

const MIN_LENGTH = 10;
/** More is somebody's file. bcrypt looks at the first 72 bytes; ours are argon2id. */
const MAX_LENGTH = 1024;

/** Throws UsageError for what nobody should have to guess twice. Never shows the password. */
export function checkNewPassword(password: string, account: string): void {
  if (password === '') throw new UsageError('the password is empty; there is no default one');
  if (password.length < MIN_LENGTH) {
    throw new UsageError(`the password has ${password.length} characters; it needs at least ${MIN_LENGTH}`);
  }
  if (password.length > MAX_LENGTH) throw new UsageError(`the password is longer than ${MAX_LENGTH} characters`);
  if (/[\r\n\0]/.test(password)) throw new UsageError('the password has more than one line');
  if (new Set(password).size < 4 || password.toLowerCase().includes(account.toLowerCase())) {
    throw new UsageError(`the password is too easily guessed: it repeats itself, or has the name of the account in it`);
  }
}
