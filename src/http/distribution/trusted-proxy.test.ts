import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTrustedProxy, parseAddressRange } from './trusted-proxy.ts';

function isIn(range: string, address: string): boolean {
  const parsed = parseAddressRange(range);
  if (parsed === undefined) throw new Error(`${range} is no range`);
  return isTrustedProxy(address, [parsed]);
}

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  // As a socket that takes both families has it.
  ['127.0.0.1', '::ffff:127.0.0.1', true],
  ['127.0.0.1', '::ffff:7f00:1', true],
  ['::ffff:10.0.0.0/104', '10.1.2.3', true],
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  // The bits behind the prefix say nothing.
  ['10.9.9.9/8', '10.0.0.1', true],
  ['192.168.1.128/25', '192.168.1.127', false],
  ['192.168.1.128/25', '192.168.1.128', true],
  ['0.0.0.0/0', '203.0.113.7', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['2001:db8::/32', '2001:db8:ffff::1', true],
  ['2001:db8::/32', '2001:db9::', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['::1', '::1', true],
  ['::/0', '2001:db8::1', true],
  ['::/0', '203.0.113.7', false],
  ['::/0', '::ffff:203.0.113.7', false],
])('%s holds %s: %s', (range, address, isHeld) => {
  expect(isIn(range, address)).toBe(isHeld);
});

test.each(['', '10.0.0.0/33', '2001:db8::/129', '10.0.0/8', '10.0.0.0/', '/8', 'proxy.example.com', '10.0.0.0/8/8'])(
  '"%s" is no range',
  (text) => {
    expect(parseAddressRange(text)).toBeUndefined();
  },
);

test('a peer without an address, as at a unix socket, is never trusted', () => {
  const ranges = ['0.0.0.0/0', '::/0'].map(parseAddressRange).filter((range) => range !== undefined);
  expect(isTrustedProxy('', ranges)).toBe(false);
  expect(isTrustedProxy('unknown', ranges)).toBe(false);
});

test('an address is in a range exactly if its first bits are those of the range', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(word, word, fc.integer({ min: 1, max: 32 }), (base, address, prefixBits) => {
      const isAlike = base >>> (32 - prefixBits) === address >>> (32 - prefixBits);
      expect(isIn(`${dotted(base)}/${prefixBits}`, dotted(address))).toBe(isAlike);
    }),
  );
});

function dotted(word: number): string {
  return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join('.');
}
