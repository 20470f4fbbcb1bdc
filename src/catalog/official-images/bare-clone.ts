// A copy of a remote repository's history, which git fetches into again and again. Contents of files are left out where
// the server can do that; they come when they are read.
//
//     CACHE/git-v1/official-images-0123456789ab/         a bare repository, renamed into place when complete
//                  official-images-0123456789ab/wharf-fetched   its time tells when the remote last answered
//                  official-images-0123456789ab.new-XXXXXX/     one in the making
//
// Several processes may work on one copy. The URL is not written down, for it may hold a password.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Call } from '../../oci/repository.ts';
import type { GitRepository } from './git-repository.ts';
import { FETCH_TIMEOUT_MS, git, GitError, withoutCredentials } from './git.ts';
import { hasCode } from './system-error.ts';
import { removeStrays } from './remove-strays.ts';

export interface BareCloneOptions {
  /** Whatever git fetches from: a URL, or the absolute path of a bundle. */
  readonly remote: string;
  /** Where copies are kept; made when it is missing. */
  readonly cacheDirectory: string;
  readonly now: () => Date;
}

const BRANCHES_AND_TAGS = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'];
const STAMP = 'wharf-fetched';
const MAX_ATTEMPTS = 5;

export class BareClone implements GitRepository {
  /** The ref for what the remote has as its HEAD. */
  static readonly HEAD = 'refs/remotes/origin/HEAD';

  readonly description: string;
  readonly remedy: string;
  readonly #remote: string;
  readonly #directory: string;
  readonly #now: () => Date;

  constructor({ remote, cacheDirectory, now }: BareCloneOptions) {
    this.description = withoutCredentials(remote);
    this.#remote = remote;
    this.#directory = join(cacheDirectory, 'git-v1', directoryNameOf(this.description));
    this.#now = now;
    this.remedy = `try again, or delete ${this.#directory} to have it fetched anew`;
  }

  get location(): readonly string[] {
    return this.#locate(this.#directory);
  }

  /** When the remote last answered; `undefined` when there is no copy yet. */
  async updatedAt(): Promise<Date | undefined> {
    try {
      return (await stat(join(this.#directory, STAMP))).mtime;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Brings in all branches and tags; on demand the remote's HEAD too, which a bundle may lack. Throws GitError. */
  async update(call: Call & { withHead: boolean }): Promise<void> {
    await removeStrays(this.#directory, this.#now());
    if ((await this.updatedAt()) === undefined) await this.#create(call);
    else await this.#fetchInto(this.#directory, call);
  }

  async #create(call: Call & { withHead: boolean }): Promise<void> {
    await mkdir(dirname(this.#directory), { recursive: true });
    const unfinished = await mkdtemp(`${this.#directory}.new-`);
    try {
      await git(['init', '--quiet', '--bare', '--template=', '--', unfinished], call);
      await this.#fetchInto(unfinished, call);
      await rename(unfinished, this.#directory);
    } catch (error) {
      // Another process was faster, and its copy is as good as this one.
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }

  async #fetchInto(directory: string, { withHead, ...call }: Call & { withHead: boolean }): Promise<void> {
    const refs = [...BRANCHES_AND_TAGS, ...(withHead ? [`+HEAD:${BareClone.HEAD}`] : [])];
    const options = ['--quiet', '--prune', '--no-tags', '--no-write-fetch-head', '--filter=blob:none'];
    const args = [...this.#locate(directory), 'fetch', ...options, 'origin', ...refs];
    await untilNotOvertaken(() => git(args, { ...call, timeoutMs: FETCH_TIMEOUT_MS }));
    await writeFile(join(directory, STAMP), '');
    await utimes(join(directory, STAMP), this.#now(), this.#now());
  }

  #locate(directory: string): readonly string[] {
    return [`--git-dir=${directory}`, '-c', `remote.origin.url=${this.#remote}`];
  }
}

/** git gives up when another process that fetches has moved a branch in the meantime. Then it only has to look again. */
async function untilNotOvertaken(fetch: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await fetch();
      return;
    } catch (error) {
      const isOvertaken = error instanceof GitError && error.message.includes('cannot lock ref');
      if (!isOvertaken || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** A name to recognise, and a hash to tell apart what has the same one. */
function directoryNameOf(url: string): string {
  const name =
    url
      .replace(/\/+$/, '')
      .replace(/\.(?:git|bundle)$/, '')
      .split(/[/:]/)
      .at(-1) ?? '';
  const hash = createHash('sha256').update(url).digest('hex').slice(0, 12);
  return `${name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 40)}-${hash}`;
}
