import { expect, test } from 'vitest';
import { isSameAddress, parseListenAddress } from './listen-address.ts';

test.each([
  ['127.0.0.1:5000', { kind: 'tcp', host: '127.0.0.1', port: 5000 }],
  ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ['[::1]:5000', { kind: 'tcp', host: '::1', port: 5000 }],
  [':5002', { kind: 'tcp', port: 5002 }],
  ['unix:/run/wharf.sock', { kind: 'unix', path: '/run/wharf.sock' }],
])('%s can be listened on', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

test.each([
  '',
  '5000',
  '127.0.0.1',
  'host:',
  'host:65536',
  '::1:5000',
  '[::1]',
  '[::1]:80:5000',
  'a b:1',
  'unix:',
  'unix:x',
  'http://a:1',
])('"%s" cannot', (text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});

test.each([
  [':5000', '127.0.0.1:5000', true],
  ['0.0.0.0:5000', '[::1]:5000', true],
  ['127.0.0.1:5000', '127.0.0.1:5001', false],
  ['127.0.0.1:5000', '10.0.0.1:5000', false],
  ['127.0.0.1:0', '127.0.0.1:0', false],
  ['unix:/a', 'unix:/a', true],
  ['unix:/a', ':5000', false],
])('%s and %s would be one listener: %s', (one, other, expected) => {
  const [first, second] = [parseListenAddress(one)!, parseListenAddress(other)!];
  expect(isSameAddress(first, second)).toBe(expected);
  expect(isSameAddress(second, first)).toBe(expected);
});
