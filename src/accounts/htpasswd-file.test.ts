import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { UsageError } from '../oci/usage-error.ts';
import { HtpasswdFile, readHtpasswd } from './htpasswd-file.ts';

const HASH = `$2y$10$${'a'.repeat(53)}`;
const ARGON2 = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-htpasswd-'));
  file = path.join(folder, 'htpasswd');
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (text: string) => writeFileSync(file, text);

describe('an htpasswd file', () => {
  test('has a name and a hash a line, and may have comments', () => {
    write(`# people\nann:${HASH}\r\n\nbob@example.com:${ARGON2}\n`);
    expect([...readHtpasswd(file)].map(([name, { kind }]) => [name, kind])).toEqual([
      ['ann', 'bcrypt'],
      ['bob@example.com', 'argon2id'],
    ]);
  });

  test.each([
    ['a password in the clear', 'ann:canary-password', /:1: the hash of ann is neither bcrypt nor argon2id/],
    ['an old hash', 'ann:$apr1$canary$x', /neither bcrypt nor argon2id.*htpasswd -B/],
    ['a hash that is cut off', `ann:${HASH.slice(0, 40)}`, /is damaged, or costs more/],
    ['a line without a colon', `bob:${HASH}\ncanary`, /:2: this is not NAME:HASH/],
    ['a name with a space', `a canary:${HASH}`, /:1: this is not NAME:HASH/],
    ['one name twice', `ann:${HASH}\nann:${HASH}`, /:2: ann has a line before this one/],
  ])('with %s is refused, with the line and without showing it', (_, text, message) => {
    write(text);
    expect(() => readHtpasswd(file)).toThrow(UsageError);
    expect(() => readHtpasswd(file)).toThrow(message);
    expect(() => readHtpasswd(file)).not.toThrow(/canary-password|\$2y|\$apr1/);
  });

  test('that is not there is refused', () => {
    expect(() => readHtpasswd(file)).toThrow(/the htpasswd file cannot be read: ENOENT/);
  });
});

test('a change is seen within a second; a file that is broken leaves what was before', () => {
  write(`ann:${HASH}\n`);
  const clock = new FakeClock();
  const changes: [number, boolean][] = [];
  const onChange = (accounts: number, problem?: string) => void changes.push([accounts, problem !== undefined]);
  const htpasswd = new HtpasswdFile({ file, clock, onChange });
  const names = () => {
    clock.advance(1000);
    return [htpasswd.version, ...htpasswd.passwords.keys()];
  };
  expect(names()).toEqual([0, 'ann']);
  write(`ann:${HASH}\nbob:${HASH}\n`);
  expect(names()).toEqual([1, 'ann', 'bob']);
  write('ann:nonsense\n');
  expect(names()).toEqual([1, 'ann', 'bob']);
  rmSync(file);
  expect(names()).toEqual([1, 'ann', 'bob']);
  write(`bob:${HASH}\n`);
  expect(names()).toEqual([2, 'bob']);
  expect(changes).toEqual([
    [2, false],
    [2, true],
    [2, true],
    [1, false],
  ]);
});
