import type { AccountStore } from '../accounts/account-store.ts';
import { noteTokenUse } from '../accounts/stored-tokens.ts';
import { DiskError } from '../database/disk-error.ts';

const NOTED_EVERY_MS = 3_600_000;

/** Writes down when a token was last used, once an hour: a robot may send it with each request. */
export class TokenUses {
  readonly #store: AccountStore;
  readonly #now: () => number;
  readonly #notedAtMs = new Map<string, number>();

  constructor(store: AccountStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  note(id: string): void {
    const nowMs = this.#now();
    if (nowMs - (this.#notedAtMs.get(id) ?? -Infinity) < NOTED_EVERY_MS) return;
    this.#notedAtMs.set(id, nowMs);
    try {
      noteTokenUse(this.#store, id, nowMs);
    } catch (error) {
      // Whoever logs in is right all the same; a disk that fails is told of by all else.
      if (!(error instanceof DiskError)) throw error;
    }
  }
}
