import { expect, test } from 'vitest';
import { classifyAddress, isAddressLiteral } from './address.ts';

test.each([
  ['93.184.216.34', 'public'],
  ['198.18.0.7', 'public'],
  ['198.19.255.255', 'public'],
  ['127.0.0.1', 'loopback'],
  ['127.8.9.1', 'loopback'],
  ['0.0.0.0', 'loopback'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.1', 'public'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['169.254.1.1', 'private'],
  ['224.0.0.1', 'private'],
  ['255.255.255.255', 'private'],
  ['169.254.169.254', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['::1', 'loopback'],
  ['::', 'loopback'],
  ['[::1]', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['2002:7f00:1::', 'loopback'],
  ['fd00:ec2::254', 'metadata'],
  ['fd12::1', 'private'],
  ['fe80::1%eth0', 'private'],
  ['2606:4700::1', 'public'],
  ['ff02::1', 'private'],
  ['nonsense', 'private'],
  ['1:2:3', 'private'],
  ['1::2::3', 'private'],
])('%s is %s', (address, kind) => {
  expect(classifyAddress(address)).toBe(kind);
});

test('odd spellings of an address are the same address once a URL has read them', () => {
  for (const host of ['0x7f.1', '2130706433', '0177.0.0.1', '127.1']) {
    const { hostname } = new URL(`http://${host}/`);
    expect(isAddressLiteral(hostname)).toBe(true);
    expect(classifyAddress(hostname)).toBe('loopback');
  }
  expect(isAddressLiteral('registry.example.com')).toBe(false);
});
