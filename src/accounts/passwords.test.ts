import { hashSync } from 'bcryptjs';
import { afterEach, describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import { checkNewPassword } from './new-password.ts';
import { PasswordChecks, TooManyLogins } from './password-checks.ts';
import { type PasswordHash, hashOfNobody, hashPassword, parsePasswordHash } from './password-hash.ts';

const checks = new PasswordChecks();
afterEach(() => checks[Symbol.asyncDispose]());

function parsed(text: string): PasswordHash {
  const hash = parsePasswordHash(text);
  if (hash === undefined) throw new Error(`${text} is no hash`);
  return hash;
}

/** Of `password` with the salt `somesalt`: the reference implementation's own test. */
const REFERENCE = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';

describe('a password', () => {
  test.each([
    ['bcrypt of htpasswd', hashSync('correct horse', 4).replace('$2b', '$2y'), 'correct horse'],
    ['argon2id of others', REFERENCE, 'password'],
  ])('is compared with %s', async (_, text, password) => {
    expect(await checks.check(password, parsed(text))).toBe(true);
    expect(await checks.check(`${password}x`, parsed(text))).toBe(false);
    expect(await checks.check('', parsed(text))).toBe(false);
  });

  test('is hashed by us so that it can be compared, with salt', async () => {
    const [one, other] = [await hashPassword('correct horse'), await hashPassword('correct horse')];
    expect(one).not.toBe(other);
    expect(await checks.check('correct horse', parsed(one))).toBe(true);
    expect(await checks.check('incorrect horse', parsed(one))).toBe(false);
    expect(await checks.check('', hashOfNobody())).toBe(false);
  });

  test('is compared while at most 32 wait; the others are sent away at once', async () => {
    const hash = parsed(REFERENCE);
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => checks.check('password', hash)));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(8);
    expect(refused.every(({ reason }) => reason instanceof TooManyLogins)).toBe(true);
    expect(await checks.check('password', hash)).toBe(true);
  });

  test('that waited is not compared any more when whoever sent it has failed too often meanwhile', async () => {
    const refuse = () => {
      throw new Error('too often');
    };
    await expect(checks.check('password', parsed(REFERENCE), refuse)).rejects.toThrow('too often');
  });
});

test.each([
  '',
  'secret',
  '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
  '$apr1$salt$hash',
  '$2y$10$tooshort',
  // More than a login may cost.
  `$2y$31$${'a'.repeat(53)}`,
  '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  '$argon2id$v=19$m=256,t=99,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
])('%j is no hash that we take', (text) => {
  expect(parsePasswordHash(text)).toBeUndefined();
});

describe('a new password', () => {
  test.each([
    ['', /empty/],
    ['short', /5 characters/],
    ['aaaaaaaaaaaa', /guessed/],
    ['Ann-and-more-1', /guessed/],
    ['two\nlines and more', /line/],
    ['x'.repeat(2000), /longer/],
  ])('is refused: %j', (password, why) => {
    expect(() => checkNewPassword(password, 'ann')).toThrow(UsageError);
    expect(() => checkNewPassword(password, 'ann')).toThrow(why);
  });

  test('is taken when nobody guesses it', () => {
    checkNewPassword('correct horse battery', 'ann');
  });
});
