import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import { findAuth, parseAuthFile, toEntry } from './auth-file.ts';

const AUTH = Buffer.from('ann:pa:ss').toString('base64');

function find(entry: unknown) {
  return findAuth(
    parseAuthFile(JSON.stringify({ auths: { 'ghcr.io': entry } }), 'config.json'),
    'config.json',
    'ghcr.io',
  );
}

test.each([
  [{ auth: AUTH }, { username: 'ann', password: 'pa:ss' }],
  [
    { username: 'ann', password: 'x' },
    { username: 'ann', password: 'x' },
  ],
  [{ auth: Buffer.from('ann:x\0\0').toString('base64') }, { username: 'ann', password: 'x' }],
  [{ auth: AUTH, identitytoken: 'token' }, { identityToken: 'token' }],
  [{ username: '<token>', password: 'token' }, { identityToken: 'token' }],
  [{}, undefined],
  [null, undefined],
  [{ auth: '' }, undefined],
  [{ auth: Buffer.from('ann:').toString('base64') }, undefined],
])('the entry %j is the login %j', (entry, credentials) => {
  expect(find(entry)).toEqual(credentials);
});

test('what is written is read again', () => {
  const username = fc.string({ minLength: 1 }).filter((text) => !/[:]|^<token>$/.test(text));
  const password = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.endsWith('\0'));
  fc.assert(
    fc.property(username, password, (username, password) => {
      expect(find(toEntry({ username, password }))).toEqual({ username, password });
      expect(find(toEntry({ identityToken: password }))).toEqual({ identityToken: password });
    }),
  );
});

describe('a broken file is named, and nothing of it is shown', () => {
  test.each([
    ['{ "auths": { "ghcr.io": { "auth": "hunter2', 'is not JSON'],
    ['["hunter2"]', 'has something unexpected at its beginning'],
    ['{ "auths": { "ghcr.io": "hunter2" } }', 'has something unexpected at "auths.ghcr.io"'],
    ['{ "auths": { "ghcr.io": { "auth": ["hunter2"] } } }', 'has something unexpected at "auths.ghcr.io.auth"'],
  ])('%s', (text, what) => {
    const message = `/home/ann/config.json, where logins are kept, ${what}; repair it or move it away`;
    expect(() => parseAuthFile(text, '/home/ann/config.json')).toThrow(new UsageError(message));
  });

  test.each(['hunter2', 'not base64!', Buffer.from('hunter2').toString('base64')])('the auth "%s"', (auth) => {
    const message = 'config.json holds a login for ghcr.io that cannot be read; log in anew';
    expect(() => find({ auth })).toThrow(new UsageError(message));
  });
});

test('an empty file has no logins', () => {
  expect(parseAuthFile('\n', 'config.json')).toEqual({});
});
