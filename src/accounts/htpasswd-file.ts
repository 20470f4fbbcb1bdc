import { type BigIntStats, readFileSync, statSync } from 'node:fs';
import type { Clock } from '../async/clock.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type AccountName, isAccountName } from './account-name.ts';
import { type PasswordHash, parsePasswordHash } from './password-hash.ts';

export interface HtpasswdOptions {
  readonly file: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** The file has changed: `problem` says why what it said before still holds. */
  readonly onChange: (accounts: number, problem: string | undefined) => void;
}

type Passwords = ReadonlyMap<AccountName, PasswordHash>;

const LOOK_EVERY_MS = 1000;
const MAX_BYTES = 16 * 1024 * 1024;

/** An htpasswd file, which is read again when somebody changes it. What cannot be read leaves what was read before. */
export class HtpasswdFile {
  readonly #options: HtpasswdOptions;
  #passwords: Passwords;
  #stamp: string;
  #lookedAtMs: number;
  #version = 0;

  /** Throws UsageError when it cannot be read. */
  constructor(options: HtpasswdOptions) {
    this.#options = options;
    this.#stamp = stampOf(options.file);
    this.#passwords = readHtpasswd(options.file);
    this.#lookedAtMs = options.clock.monotonic();
  }

  get passwords(): Passwords {
    return this.#passwords;
  }

  /** Grows when the file has changed, which is looked for once a second. */
  get version(): number {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return this.#version;
    this.#lookedAtMs = nowMs;
    const { file, onChange } = this.#options;
    const stamp = stampOf(file);
    if (stamp === this.#stamp) return this.#version;
    this.#stamp = stamp;
    try {
      this.#passwords = readHtpasswd(file);
      this.#version += 1;
      onChange(this.#passwords.size, undefined);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      onChange(this.#passwords.size, error.message);
    }
    return this.#version;
  }
}

/** Throws UsageError, which names the line and never shows it. */
export function readHtpasswd(file: string): Passwords {
  const text = readText(file);
  const passwords = new Map<AccountName, PasswordHash>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const where = `${file}:${index + 1}`;
    const [, name = '', hash = ''] = /^([^:]*):([^:]*)$/.exec(line.trimEnd()) ?? [];
    if (!isAccountName(name)) throw new UsageError(`${where}: this is not NAME:HASH with the name of an account`);
    const parsed = parsePasswordHash(hash);
    if (parsed === undefined) throw new UsageError(`${where}: ${whyNoHash(name, hash)}`);
    if (passwords.has(name)) throw new UsageError(`${where}: ${name} has a line before this one; keep one of the two`);
    passwords.set(name, parsed);
  }
  return passwords;
}

function whyNoHash(name: string, hash: string): string {
  const isKnown = /^\$2[aby]\$|^\$argon2id\$/.test(hash);
  return isKnown
    ? `the hash of ${name} is damaged, or costs more than a login may (bcrypt 14, argon2id 256 MiB and 16 passes)`
    : `the hash of ${name} is neither bcrypt nor argon2id; write it anew with \`htpasswd -B\``;
}

function readText(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAX_BYTES)
      throw new UsageError(`${file} is larger than ${MAX_BYTES / 2 ** 20} MiB, so no htpasswd file`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error;
    throw new UsageError(`the htpasswd file cannot be read: ${error.message}`, { cause: error });
  }
}

/** Another one means another content; a file that is not there has one, too. */
function stampOf(file: string): string {
  const stats: BigIntStats | undefined = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? 'none' : `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}
