import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePattern } from './pattern.ts';
import { patternsMeet } from './patterns-meet.ts';

test.each([
  ['team/**', 'team/app'],
  ['**', 'docker.io/**'],
  ['*/app', 'team/*'],
  ['a*c', '*b*'],
  ['**/x', 'y/**'],
  ['library/nginx', 'library/nginx'],
])('%s and %s have names in common', (one, other) => {
  expect(patternsMeet(one, other)).toBe(true);
  expect(patternsMeet(other, one)).toBe(true);
});

test.each([
  ['team/**', 'docker.io/**'],
  ['*', 'team/app'],
  ['team/*', 'team/a/b'],
  ['a*', 'b*'],
  ['ghcr.io/**', 'team/**'],
])('%s and %s have none', (one, other) => {
  expect(patternsMeet(one, other)).toBe(false);
  expect(patternsMeet(other, one)).toBe(false);
});

const pattern = fc
  .array(fc.constantFrom('a', 'b', '/', '*', '**'), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(''));

test('a name that matches both says that they meet', () => {
  const name = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(pattern, pattern, name, (one, other, text) => {
      const isInBoth = parsePattern(one).matchesName(text) && parsePattern(other).matchesName(text);
      expect(isInBoth && !patternsMeet(one, other)).toBe(false);
    }),
    { numRuns: 2000 },
  );
});
