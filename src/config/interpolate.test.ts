import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpolate } from './interpolate.ts';

const ENV = { USER: 'ann', EMPTY: '', NESTED: '${USER}', ABSENT: undefined };

test.each([
  ['plain $5 text', 'plain $5 text'],
  ['${USER}', 'ann'],
  ['a ${USER} b ${USER}', 'a ann b ann'],
  ['${EMPTY}', ''],
  ['${NOPE:-}', ''],
  ['${NOPE:-x y}', 'x y'],
  ['${EMPTY:-x}', 'x'],
  ['${USER:-x}', 'ann'],
  ['$${USER}', '${USER}'],
  ['$$$${x', '$${x'],
  ['${NESTED}', '${USER}'],
])('%s becomes %s', (text, expected) => {
  expect(interpolate(text, ENV)).toEqual({ text: expected, problems: [] });
});

describe('what cannot be replaced is a problem at its place', () => {
  test.each([
    ['a ${NOPE}', 2, 'the environment variable NOPE is not set; set it, or write ${NOPE:-} if it may be absent'],
    ['${ABSENT}', 0, 'the environment variable ABSENT is not set; set it, or write ${ABSENT:-} if it may be absent'],
    [
      '${toString}',
      0,
      'the environment variable toString is not set; set it, or write ${toString:-} if it may be absent',
    ],
    ['x${USER', 1, 'expected ${NAME} or ${NAME:-default} ("$$" is a dollar sign)'],
    ['${}', 0, 'expected ${NAME} or ${NAME:-default} ("$$" is a dollar sign)'],
    ['${A-b}', 0, 'expected ${NAME} or ${NAME:-default} ("$$" is a dollar sign)'],
    ['${A:-${USER}}', 0, 'expected ${NAME} or ${NAME:-default} ("$$" is a dollar sign)'],
  ])('%s', (text, index, message) => {
    expect(interpolate(text, ENV).problems).toEqual([{ index, message }]);
  });
});

test('a text whose dollars are doubled comes back as it was', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(interpolate(text.replaceAll('$', '$$$$'), {})).toEqual({ text, problems: [] });
    }),
  );
});

test('no message holds the value of a variable', () => {
  const part = fc.constantFrom('${', '}', '$', ':-', 'SECRET', 'OTHER', '-', ' ', '${SECRET}', '${OTHER}');
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const { problems } = interpolate(parts.join(''), { SECRET: 'hunter2' });
      expect(JSON.stringify(problems)).not.toContain('hunter2');
    }),
  );
});

test('a megabyte of dollars takes no time worth speaking of', () => {
  expect(interpolate('${'.repeat(500_000), {}).problems).toHaveLength(500_000);
});
