import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { BareClone } from './bare-clone.ts';
import type { GitRepository } from './git-repository.ts';
import { GitError } from './git.ts';
import type { Library, LibrarySnapshot } from './library.ts';
import { readRevision } from './read-revision.ts';

/** A git repository elsewhere, or a bundle. When it cannot be reached, the copy of the last time serves. */
export class RemoteLibrary implements Library {
  readonly #clone: BareClone;
  readonly #revision: string | undefined;

  /** Without a revision: the branch that the remote itself names as its head. */
  constructor(clone: BareClone, revision: string | undefined) {
    this.#clone = clone;
    this.#revision = revision;
  }

  async read(call: Call = {}): Promise<LibrarySnapshot> {
    const notices = await this.#update(call);
    const snapshot = await readRevision(this.#clone, this.#revision ?? BareClone.HEAD, call);
    return { ...snapshot, notices };
  }

  history(): Promise<GitRepository> {
    return Promise.resolve(this.#clone);
  }

  async #update(call: Call): Promise<readonly string[]> {
    try {
      await this.#clone.update({ ...call, withHead: this.#revision === undefined });
      return [];
    } catch (cause) {
      if (!(cause instanceof GitError)) throw cause;
      const failure = `${this.#clone.description} could not be fetched (git said: ${cause.message})`;
      const copied = await this.#clone.updatedAt();
      if (copied !== undefined) return [`${failure}; its copy of ${minuteOf(copied)} was read instead`];
      const advice = 'check the address, the network and the login, or name a folder that holds library/';
      throw new UsageError(`${failure}, and there is no earlier copy of it; ${advice}`, { cause });
    }
  }
}

/** `2026-08-21 10:00 UTC` */
function minuteOf(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
