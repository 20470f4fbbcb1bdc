import type { Clock } from '../async/clock.ts';
import type { LoginEvents } from '../http/auth/logins.ts';
import type { LoginAttempt } from '../http/auth/login-throttle.ts';
import type { Log } from '../observe/log.ts';
import { Seldom } from './seldom.ts';

export interface LoginLogOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly tokenUsed: (id: string) => void;
}

/** What of logins its owner is told: at once, and then once a minute, as whoever guesses does it often. */
export class LoginLog implements LoginEvents {
  readonly #options: LoginLogOptions;
  readonly #seldom: Seldom;

  constructor(options: LoginLogOptions) {
    this.#options = options;
    this.#seldom = new Seldom(options.clock);
  }

  failed({ account, address }: LoginAttempt): void {
    const times = this.#seldom.due('failed');
    // The name may be a password that was typed in the wrong place.
    const isName = /^[A-Za-z0-9][\w.@+-]{0,63}$/.test(account);
    if (times !== undefined) {
      this.#options.log.warn('login failed', { times, address, ...(isName && { account }) });
    }
  }

  tokenUsed(id: string): void {
    this.#options.tokenUsed(id);
  }
}
