// Comparing a password with its hash is made to be slow. Nobody who asks for it often takes more of the machine than two
// of its processors, and none of it is done on the thread that answers everybody else.
import { timingSafeEqual } from 'node:crypto';
import { Semaphore } from '../async/semaphore.ts';
import { BcryptThread } from './bcrypt-thread.ts';
import { type PasswordHash, argon2Of } from './password-hash.ts';

const AT_ONCE = 2;
const MAX_WAITING = 32;

/** Too many logins wait already. */
export class TooManyLogins extends Error {
  override readonly name = 'TooManyLogins';
}

export class PasswordChecks implements AsyncDisposable {
  readonly #slots = new Semaphore(AT_ONCE);
  readonly #bcrypt = new BcryptThread();
  #waiting = 0;

  /** Whether it is the password of that hash. Rejects with TooManyLogins, and with what `mayBegin` throws in its turn. */
  async check(password: string, hash: PasswordHash, mayBegin: () => void = () => {}): Promise<boolean> {
    if (this.#waiting >= MAX_WAITING) throw new TooManyLogins('too many logins at once');
    this.#waiting += 1;
    try {
      using _slot = await this.#slots.acquire();
      mayBegin();
      return await this.#compare(password, hash);
    } finally {
      this.#waiting -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bcrypt[Symbol.asyncDispose]();
  }

  async #compare(password: string, hash: PasswordHash): Promise<boolean> {
    if (hash.kind === 'bcrypt') return await this.#bcrypt.check(password, hash.text);
    return timingSafeEqual(await argon2Of(password, hash.parameters), hash.tag);
  }
}
