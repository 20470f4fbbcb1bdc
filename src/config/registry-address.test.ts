import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRegistryAddress } from './registry-address.ts';

test.each([
  ['registry.example.com', 'https://registry.example.com', ''],
  ['reg.example.com:8443/team/', 'https://reg.example.com:8443', 'team/'],
  ['http://old:5000', 'http://old:5000', ''],
  ['https://Reg.Example.com:443/a/b', 'https://reg.example.com', 'a/b'],
  ['localhost:5000', 'http://localhost:5000', ''],
  ['127.0.0.1:5000/{name}', 'http://127.0.0.1:5000', '{name}'],
  ['[::1]:5000', 'http://[::1]:5000', ''],
  ['docker.io/me/', 'https://registry-1.docker.io', 'me/'],
])('%s is %s, and behind it "%s"', (text, origin, path) => {
  expect(parseRegistryAddress(text)).toEqual({ origin, path });
});

test.each([
  '',
  'store',
  'reg.example.com?x',
  'https://user:secret@reg.example.com',
  'ftp://reg.example.com',
  'a.b:70000',
  '/x',
  'a b.c',
])('"%s" is no registry', (text) => {
  expect(parseRegistryAddress(text)).toBeUndefined();
});

test('whatever is read as a registry is an http or https origin', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.domain()), (text) => {
      const origin = parseRegistryAddress(text)?.origin ?? 'https://example.com';
      expect(new URL(origin).origin).toBe(origin);
    }),
  );
});
