import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';

const read = (...headers: string[]) =>
  parseChallenges(headers).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('a Bearer challenge has its realm, service and scope', () => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
  expect(read(header)).toEqual([
    [
      'bearer',
      { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull,push' },
    ],
  ]);
});

test('two challenges in one header are two', () => {
  expect(read('Bearer realm="https://a/t",service="s", Basic realm="x"')).toEqual([
    ['bearer', { realm: 'https://a/t', service: 's' }],
    ['basic', { realm: 'x' }],
  ]);
});

test('two headers are two, and the order is kept', () => {
  expect(read('Basic realm=x', 'BEARER realm="y"')).toEqual([
    ['basic', { realm: 'x' }],
    ['bearer', { realm: 'y' }],
  ]);
});

test('quotes may be escaped, values unquoted, and blanks odd', () => {
  expect(read('Bearer  realm = "a\\"b" ,, service=s')).toEqual([['bearer', { realm: 'a"b', service: 's' }]]);
});

test('schemes without parameters, or with a token instead, do not hide what follows', () => {
  expect(read('Negotiate, Basic realm="x"')).toEqual([
    ['negotiate', {}],
    ['basic', { realm: 'x' }],
  ]);
  expect(read('Negotiate YIIabc==, Basic realm="x"')).toEqual([
    ['negotiate', {}],
    ['basic', { realm: 'x' }],
  ]);
});

test.each(['', ',', '"', 'Bearer realm="never closed', '=x', 'é'])('%j gives nothing that could be used', (header) => {
  expect(parseChallenges([header]).every(({ parameters }) => !parameters.has('realm'))).toBe(true);
});

test('whatever a server sends is read in no time and without failing', () => {
  fc.assert(fc.property(fc.string(), (header) => void parseChallenges([header])));
  expect(parseChallenges([`Bearer ${'a="b",'.repeat(1_000_000)}`])).toEqual([]);
  expect(parseChallenges([`Bearer a="${'\\'.repeat(8000)}`])).toBeDefined();
});
