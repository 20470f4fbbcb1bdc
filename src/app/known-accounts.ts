// The accounts of a configuration for whoever looks after them, beside a server that may run.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type AccountName, parseAccountName } from '../accounts/account-name.ts';
import { ACCOUNTS_FOLDER, AccountStore } from '../accounts/account-store.ts';
import { readHtpasswd } from '../accounts/htpasswd-file.ts';
import { listAccounts } from '../accounts/stored-accounts.ts';
import type { Config } from '../config/config.ts';
import { UsageError } from '../oci/usage-error.ts';

type Settings = Pick<Config, 'accounts' | 'dataFolder'>;

export class KnownAccounts implements Disposable {
  readonly store: AccountStore;
  readonly htpasswdFile: string | undefined;
  /** Those of the htpasswd file. */
  readonly inFile: ReadonlySet<AccountName>;

  constructor({ accounts, dataFolder }: Settings) {
    this.htpasswdFile = accounts?.htpasswdFile;
    this.inFile = new Set(this.htpasswdFile === undefined ? [] : readHtpasswd(this.htpasswdFile).keys());
    this.store = AccountStore.open(dataFolder);
  }

  get names(): ReadonlySet<string> {
    return new Set([...this.inFile, ...listAccounts(this.store).map(({ name }) => name)]);
  }

  /** Throws UsageError for one of the file, which we do not write. */
  checkIsOurs(name: AccountName): void {
    if (!this.inFile.has(name)) return;
    throw new UsageError(`${name} is an account of ${this.htpasswdFile}; change it there: htpasswd -B, htpasswd -D`);
  }

  /** Throws UsageError. */
  existing(text: string): AccountName {
    const name = parseAccountName(text);
    if (this.names.has(name)) return name;
    throw new UsageError(`there is no account ${name}; \`wharf user list\` shows them, \`wharf user add\` makes one`);
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}

/** Without making anything. */
export function namesOfAccounts(settings: Settings): ReadonlySet<string> {
  const { accounts, dataFolder } = settings;
  if (!existsSync(path.join(dataFolder, ACCOUNTS_FOLDER))) {
    return new Set(accounts?.htpasswdFile === undefined ? [] : readHtpasswd(accounts.htpasswdFile).keys());
  }
  using known = new KnownAccounts(settings);
  return known.names;
}
