import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LinearRegExp } from './linear-regexp.ts';

const test1 = (source: string, text: string) => new LinearRegExp(source).test(text);

test.each([
  ['^nginx:1\\.2[5-7]', 'nginx:1.26-alpine', true],
  ['^nginx:1\\.2[5-7]', 'nginx:1.28', false],
  ['-(alpine|slim)$', 'python:3.12-slim', true],
  ['-(?:alpine|slim)$', 'python:3.12-slim-bookworm', false],
  ['^redis:\\d+\\.\\d+$', 'redis:7.4', true],
  ['^redis:\\d+\\.\\d+$', 'redis:7.4.1', false],
  ['^.{3}$', 'abc', true],
  ['a{2,3}b', 'ab', false],
  ['a{2,3}b', 'aaab', true],
  ['^[^a-c\\]-]+$', 'xyz', true],
  ['^[^a-c\\]-]+$', 'x-z', false],
  ['', 'anything', true],
  ['^$', '', true],
  ['x|^$', 'y', false],
])('/%s/ and %j: %s', (source, text, expected) => {
  expect(test1(source, text)).toBe(expected);
});

test.each([
  ['(', 'no ")"'],
  [')', 'no "("'],
  ['[a', 'no "]"'],
  ['a**', 'repeated again'],
  ['a+?', 'repeated again'],
  ['*a', 'nothing to repeat'],
  ['^*', 'cannot be repeated'],
  ['(?=a)', 'not supported'],
  ['(?<n>a)', 'not supported'],
  ['(a)\\1', 'not supported'],
  ['\\b', 'not supported'],
  ['\\', 'the last character'],
  ['a{3,2}', 'wrong way round'],
  ['[z-a]', 'wrong way round'],
  ['a{', 'stands for itself'],
  ['a{999}', 'more than 255 times'],
  ['((a{200}){200}){200}', 'too long'],
  ['('.repeat(60), 'inside each other'],
  ['a'.repeat(201), 'more than 200 characters'],
])('/%s/ is refused: %s', (source, why) => {
  expect(() => new LinearRegExp(source)).toThrow(why);
});

test('what takes other engines for ever takes no time', () => {
  const text = `${'a'.repeat(380)}!`;
  const startedMs = performance.now();
  for (const source of ['^(a+)+$', '^(a|a)*$', '^(a*)*b', '(.*)(.*)(.*)(.*)(.*)(.*)(.*)x$', '^(a?){200}a{200}$'])
    expect(test1(source, text)).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

describe('it agrees with the RegExp of JavaScript', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '.',
    '\\.',
    '\\d',
    '\\w',
    '[ab]',
    '[^a]',
    '[a-c1]',
    '1',
    '-',
    ':',
    '\\-',
    '^',
    '$',
  );
  const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
    pattern: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      atom,
      fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
      fc.tuple(tie('pattern'), tie('pattern')).map(([one, other]) => `${one}|${other}`),
    ),
    part: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      atom,
      tie('pattern').map((inner) => `(${inner})`),
      fc
        .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{0}', '{2}', '{1,2}', '{0,2}', '{1,}'))
        .map(([inner, repeat]) => `(?:${inner})${repeat}`),
    ),
  }));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', '-', ':'), maxLength: 7 });

  test('whatever the expression and the text', () => {
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 5 }), (source, texts) => {
        fc.pre(source.length <= 200);
        const ours = new LinearRegExp(source);
        const theirs = new RegExp(source);
        expect(texts.map((one) => ours.test(one))).toEqual(texts.map((one) => theirs.test(one)));
      }),
      { numRuns: 2_000 },
    );
  });
});
