import { describe, expect, test } from 'vitest';
import { AddressRanges } from './address-ranges.ts';
import { clientAddress, isFromProxy } from './client-address.ts';

const TRUSTED = new AddressRanges(['127.0.0.1', '10.0.0.0/8', '2001:db8::/32']);

function request(remoteAddress: string, forwarded?: string) {
  return { remoteAddress, header: (name: string) => (name === 'x-forwarded-for' ? forwarded : undefined) };
}

const address = (remote: string, forwarded?: string) => clientAddress(request(remote, forwarded), TRUSTED);

describe('the address of a client', () => {
  test('is that of its peer, whatever it claims', () => {
    expect(address('192.0.2.1')).toBe('192.0.2.1');
    expect(address('192.0.2.1', '10.1.1.1')).toBe('192.0.2.1');
    expect(address('::ffff:192.0.2.1', '127.0.0.1')).toBe('192.0.2.1');
  });

  test('is what the proxy nearest to it has added', () => {
    expect(address('10.0.0.1', '192.0.2.1')).toBe('192.0.2.1');
    expect(address('10.0.0.1', '192.0.2.1, 10.0.0.2')).toBe('192.0.2.1');
    // What stands before it the client has written itself.
    expect(address('10.0.0.1', '10.9.9.9, 192.0.2.1')).toBe('192.0.2.1');
    expect(address('10.0.0.1', '127.0.0.1, 192.0.2.1, 10.0.0.2')).toBe('192.0.2.1');
    expect(address('2001:db8::1', '[2001:db9::7]:4711')).toBe('2001:db9::7');
    expect(address('10.0.0.1', '192.0.2.1:4711')).toBe('192.0.2.1');
  });

  test('is the proxy, where that adds nothing that is an address', () => {
    expect(address('10.0.0.1')).toBe('10.0.0.1');
    for (const forwarded of ['', 'unknown', '192.0.2.1, nonsense', '_hidden', "' OR 1=1", '999.1.1.1']) {
      expect(address('10.0.0.1', forwarded)).toBe('10.0.0.1');
    }
  });

  test('is found in a list of any length, in no time', () => {
    expect(address('10.0.0.1', Array.from({ length: 4000 }, () => '10.0.0.2').join(','))).toBe('10.0.0.2');
  });

  test('at a unix socket is that of this machine', () => {
    expect(address('')).toBe('127.0.0.1');
    expect(address('', '192.0.2.1')).toBe('192.0.2.1');
    expect(clientAddress(request('', '192.0.2.1'), new AddressRanges([]))).toBe('127.0.0.1');
  });
});

test('a proxy is one that is trusted', () => {
  expect(isFromProxy(request('10.0.0.1'), TRUSTED)).toBe(true);
  expect(isFromProxy(request('192.0.2.1'), TRUSTED)).toBe(false);
});

test('ranges have what they say, and no text that is no address', () => {
  const ranges = new AddressRanges(['10.0.0.0/8', '192.0.2.7', '::1', 'fd00::/8']);
  const inside = ['10.255.0.1', '192.0.2.7', '::1', 'fd12::1', '::ffff:10.0.0.1'];
  const outside = ['11.0.0.1', '192.0.2.8', '::2', 'fe80::1', '', '10.0.0', '10.0.0.1 ', '010.0.0.1', 'localhost'];
  expect(inside.filter((each) => !ranges.has(each))).toEqual([]);
  expect(outside.filter((each) => ranges.has(each))).toEqual([]);
});
