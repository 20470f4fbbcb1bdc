import { describe, expect, test } from 'vitest';
import { isLocal, isLoopbackAddress } from './is-local.ts';

interface Asked {
  readonly peer?: string;
  readonly localPort?: number | undefined;
  readonly isGone?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** By default as a client on this machine asks; headers by lower-case name. */
function isLocalFor(asked: Asked): boolean {
  const { peer = '127.0.0.1', isGone = false, headers = { host: '127.0.0.1:5000' } } = asked;
  return isLocal({
    remoteAddress: peer,
    localPort: 'localPort' in asked ? asked.localPort : 5000,
    signal: isGone ? AbortSignal.abort() : new AbortController().signal,
    header: (name) => headers[name],
  });
}

describe('a peer', () => {
  test.each(['127.0.0.1', '127.8.9.255', '::1', '::ffff:127.0.0.1'])('at %s is local', (peer) => {
    expect(isLoopbackAddress(peer)).toBe(true);
    expect(isLocalFor({ peer })).toBe(true);
  });

  test.each([
    '128.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '127.0.0.256',
    '127.0.0',
    '127.0.0.1.evil.com',
    '::',
    '::2',
    '::ffff:10.0.0.1',
    // What leads to loopback, but where nobody on this machine asks from: 6to4 and NAT64 of 127.0.0.1.
    '2002:7f00:1::1',
    '64:ff9b::7f00:1',
    'fe80::1%lo',
    'localhost',
    'unknown',
  ])('at %s is not', (peer) => {
    expect(isLoopbackAddress(peer)).toBe(false);
    expect(isLocalFor({ peer })).toBe(false);
  });

  test('at a unix socket is local, and has to name a loopback host as well', () => {
    const socket = { peer: '', localPort: undefined };
    expect(isLocalFor({ ...socket, headers: { host: 'localhost' } })).toBe(true);
    expect(isLocalFor({ ...socket, headers: { host: 'registry.example.com' } })).toBe(false);
    expect(isLocalFor({ ...socket, headers: {} })).toBe(false);
  });

  test('whose address is lost because it has left is not taken for a unix socket', () => {
    expect(isLocalFor({ peer: '', localPort: 5000 })).toBe(false);
    expect(isLocalFor({ peer: '', localPort: undefined, isGone: true })).toBe(false);
  });
});

describe('a Host', () => {
  test.each(['localhost', 'localhost:5000', 'LOCALHOST:5000', '127.0.0.1', '127.0.0.1:5000', '127.1.2.3', '[::1]:80'])(
    '%s is local',
    (host) => {
      expect(isLocalFor({ headers: { host } })).toBe(true);
    },
  );

  test.each([
    '',
    'registry.example.com',
    '127.0.0.1.evil.com',
    '127.0.0.1.evil.com:5000',
    'localhost.evil.com',
    'localhost.',
    'evil-localhost',
    'evil.localhost',
    '127.0.0.1:5000.evil.com',
    '127.0.0.1:',
    '127.0.0.1:500000',
    '127.0.0.1, evil.com',
    ' 127.0.0.1',
    '127.0.0.1\n',
    'evil.com@127.0.0.1',
    '127.0.0.1@evil.com',
    '127.0.0.256',
    '127.1',
    '127.0.0.01',
    '2130706433',
    '0x7f.0.0.1',
    '0.0.0.0',
    '::1',
    '[::1',
    '[::1]evil.com',
    '[::ffff:7f00:1]',
    '[::ffff:127.0.0.1]',
    'ⓛocalhost',
  ])('"%s" is not of this machine', (host) => {
    expect(isLocalFor({ headers: { host } })).toBe(false);
  });

  test('that is missing is not', () => {
    expect(isLocalFor({ headers: {} })).toBe(false);
  });
});

describe('a request that a proxy passed on is not local, whomever it names', () => {
  test.each([
    ['forwarded', 'for=127.0.0.1;host=localhost'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-for', ''],
    ['x-forwarded-host', 'localhost'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-port', '443'],
    ['x-forwarded-server', 'localhost'],
    ['x-real-ip', '127.0.0.1'],
  ])('%s: %s', (name, value) => {
    expect(isLocalFor({ headers: { host: '127.0.0.1', [name]: value } })).toBe(false);
  });
});
