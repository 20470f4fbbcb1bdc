import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { AccountName } from '../../accounts/account-name.ts';
import { AccountStore } from '../../accounts/account-store.ts';
import { Accounts } from '../../accounts/accounts.ts';
import { PasswordChecks, TooManyLogins } from '../../accounts/password-checks.ts';
import { hashPassword } from '../../accounts/password-hash.ts';
import { addAccount, setPassword } from '../../accounts/stored-accounts.ts';
import { nextTurn } from '../../../test/support/next-turn.ts';
import { Logins } from './logins.ts';
import type { LoginAttempt } from './login-throttle.ts';

const ann = 'ann' as AccountName;
const PASSWORD = 'correct horse battery';
const FROM = '192.0.2.1';

let folder: string;
let store: AccountStore;
let clock: FakeClock;
let compared: string[];
let failures: LoginAttempt[];
let isBusy: boolean;
let logins: Logins;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-logins-'));
  store = AccountStore.open(folder);
  addAccount(store, { name: ann, passwordHash: await hashPassword(PASSWORD), createdAtMs: 0 });
  clock = new FakeClock();
  [compared, failures, isBusy] = [[], [], false];
  const checks = new PasswordChecks();
  const passwords = {
    check: async (...[password, hash, mayBegin]: Parameters<PasswordChecks['check']>) => {
      if (isBusy) throw new TooManyLogins();
      compared.push(password);
      return await checks.check(password, hash, mayBegin);
    },
  };
  const accounts = new Accounts({ store, now: () => clock.now() });
  const events = { failed: (attempt: LoginAttempt) => void failures.push(attempt), tokenUsed: () => undefined };
  logins = new Logins({ accounts, passwords, clock, events });
});
afterEach(() => {
  store[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const check = (username: string, password: string) => logins.check({ username, password }, FROM);

describe('a login', () => {
  test('that was right is not compared again for a while', async () => {
    expect(await check('ann', PASSWORD)).toMatchObject({ account: 'ann' });
    expect(check('ann', PASSWORD)).toMatchObject({ account: 'ann' });
    expect(compared).toEqual([PASSWORD]);
    clock.advance(6 * 60_000);
    expect(await check('ann', PASSWORD)).toMatchObject({ account: 'ann' });
    expect(compared).toEqual([PASSWORD, PASSWORD]);
  });

  test('that was right is so no more when the password changes', async () => {
    await check('ann', PASSWORD);
    setPassword(store, ann, await hashPassword('another horse altogether'));
    await nextTurn();
    expect(await check('ann', PASSWORD)).toBeUndefined();
  });

  test('that many requests bring at once is compared once', async () => {
    const proofs = await Promise.all(Array.from({ length: 20 }, async () => await check('ann', PASSWORD)));
    expect(proofs.every((proof) => proof?.account === 'ann')).toBe(true);
    expect(compared).toHaveLength(1);
  });

  test('of an account that is not there is compared all the same, and fails', async () => {
    expect(await check('nobody', PASSWORD)).toBeUndefined();
    expect(await check('__proto__', PASSWORD)).toBeUndefined();
    expect(compared).toEqual([PASSWORD, PASSWORD]);
    expect(failures.map(({ account }) => account)).toEqual(['nobody', '__proto__']);
  });

  test('is not compared for whoever failed too often, also not when it is right', async () => {
    for (let nth = 0; nth < 10; nth += 1) await check('ann', `wrong ${nth}`);
    await expect(check('ann', PASSWORD)).rejects.toMatchObject({ status: 429, headers: { 'retry-after': 1 } });
    expect(compared).toHaveLength(10);
    clock.advance(1000);
    expect(await check('ann', PASSWORD)).toMatchObject({ account: 'ann' });
  });

  test('of somebody who is logged in goes on while others guess at his account', async () => {
    await check('ann', PASSWORD);
    for (let nth = 0; nth < 10; nth += 1) await check('ann', `wrong ${nth}`);
    expect(check('ann', PASSWORD)).toMatchObject({ account: 'ann' });
  });

  test('is put off when too many come at once', async () => {
    isBusy = true;
    await expect(check('ann', PASSWORD)).rejects.toMatchObject({ status: 429, code: 'TOOMANYREQUESTS' });
    expect(failures).toEqual([]);
  });
});
