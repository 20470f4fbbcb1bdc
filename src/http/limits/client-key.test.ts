import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clientKey } from './client-key.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
])('%s is the client %s', (address, key) => {
  expect(clientKey(address)).toBe(key);
});

test('all addresses of a /64 are one client, however they are written', () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(fc.tuple(group, group, group, group), fc.array(group, { minLength: 4, maxLength: 4 }), (net, host) => {
      const [short, long] = [0, 4].map((width) =>
        [...net, ...host].map((part) => part.toString(16).padStart(width, '0')).join(':'),
      );
      expect(clientKey(short!)).toBe(clientKey(long!.toUpperCase()));
      expect(clientKey(short!)).toBe(`${net.map((part) => part.toString(16)).join(':')}::/64`);
    }),
  );
});
