import { describe, expect, test } from 'vitest';
import { lexBlocks, listOf } from './lex-library-file.ts';
import { LibraryFileError } from './library-file-error.ts';

/** The blocks as plain objects: names and values. */
function lex(text: string): Record<string, string>[] {
  return [...lexBlocks(text, 'library/x')].map(({ fields }) => {
    return Object.fromEntries(Array.from(fields, ([key, { value }]) => [key, value]));
  });
}

describe('comments', () => {
  test('a line whose first visible character is # is gone before anything else is read', () => {
    expect(lex('# one\nA: 1\n  # two\n\t# three\n\u0085\u00A0# four\nB: 2\n')).toEqual([{ A: '1', B: '2' }]);
  });

  test('a comment does not end a block', () => {
    expect(lex('A: 1\n#\nB: 2')).toEqual([{ A: '1', B: '2' }]);
  });

  test('a comment does not break a continuation', () => {
    expect(lex('A: 1,\n# between\n   2')).toEqual([{ A: '1,\n  2\n' }]);
  });

  test('a # behind something is no comment', () => {
    expect(lex('A: 1 # x')).toEqual([{ A: '1 # x' }]);
  });
});

describe('blocks', () => {
  test.each(['\n', '\r\n'])('an empty line (%j) ends a block', (empty) => {
    expect(lex(`A: 1\n${empty}B: 2\n`)).toEqual([{ A: '1' }, { B: '2' }]);
  });

  test('runs of empty lines, and those at either end, mean nothing more', () => {
    expect(lex('\n\r\n\nA: 1\n\n\n\r\nB: 2\n\n\n')).toEqual([{ A: '1' }, { B: '2' }]);
  });

  test('the last line needs no line feed', () => {
    expect(lex('A: 1\n\nB: 2')).toEqual([{ A: '1' }, { B: '2' }]);
    expect(lex('A: 1\n\r')).toEqual([{ A: '1' }]);
  });

  test.each([' ', '\t', '   \t'])('a line of blanks (%j) does not end a block: it continues the field', (blanks) => {
    expect(lex(`A: 1\nB: x\n${blanks}\nA: 2`)).toEqual([{ A: '2', B: 'x\n\n' }]);
  });

  test('of two fields of one name the later one counts, silently', () => {
    expect(lex('A: 1\nA: 2\n  more')).toEqual([{ A: '2\n more\n' }]);
  });

  test('nothing but comments and empty lines is no block', () => {
    expect(lex('')).toEqual([]);
    expect(lex('\n# only this\n\n')).toEqual([]);
  });
});

describe('fields', () => {
  test('the name ends at the first colon, and both sides are trimmed', () => {
    expect(lex('Tags  :  1.0 \r\nURL: https://x:1/\n')).toEqual([{ Tags: '1.0', URL: 'https://x:1/' }]);
  });

  test('names keep their case', () => {
    expect(lex('tags: 1\nTags: 2')).toEqual([{ tags: '1', Tags: '2' }]);
  });

  test('space is what Go takes for it: a next-line character is, a byte order mark is not', () => {
    expect(lex('A:\u0085\u2003x\u3000\u0085')).toEqual([{ A: 'x' }]);
    expect(lex('\uFEFFA: x\uFEFF')).toEqual([{ '\uFEFFA': 'x\uFEFF' }]);
  });

  test('a field may have an empty value, an empty name, or a name that objects have', () => {
    const [block] = lexBlocks('A:\n: x\n__proto__: y', 'library/x');
    expect([...(block?.fields.keys() ?? [])]).toEqual(['A', '', '__proto__']);
  });

  test('a line without a colon is an error that names file and line', () => {
    const error = catchError(() => lex('A: 1\n\n\nno field\n'));
    expect(error).toBeInstanceOf(LibraryFileError);
    expect(error).toMatchObject({ file: 'library/x', line: 4, field: undefined });
    expect(error).toHaveProperty('message', 'the line "no field" has no ":"; write a field as "Name: value"');
  });

  test('blocks before a bad line are read before it is found', () => {
    const blocks = lexBlocks('A: 1\n\nbad', 'library/x');
    expect(blocks.next().value).toMatchObject({ line: 1 });
    expect(() => blocks.next()).toThrow(LibraryFileError);
  });

  test('every field knows its line, and a block the line of its first field', () => {
    const blocks = [...lexBlocks('# x\nA: 1\nB: 2,\n   3\nA: 4\n\n\nC: 5', 'library/x')];
    expect(blocks.map(({ line }) => line)).toEqual([2, 8]);
    expect(blocks[0]?.fields.get('A')?.line).toBe(5);
    expect(blocks[0]?.fields.get('B')?.line).toBe(3);
  });
});

describe('continuations', () => {
  test('one leading character goes, the right side is trimmed, and lines are joined by line feeds', () => {
    expect(lex('A: 1\n   2  \n\t3\r\n')).toEqual([{ A: '1\n  2\n3\n' }]);
  });

  test('a lone dot stands for an empty line', () => {
    expect(lex('A: 1\n .\n 2')).toEqual([{ A: '1\n\n2\n' }]);
  });

  test('they may follow a field without a value', () => {
    expect(lex('A:\n 1\n 2')).toEqual([{ A: '1\n2\n' }]);
  });

  test('before the first field of a block they are ignored', () => {
    expect(lex('  lost\n\nA: 1\n\n  lost too\nB: 2')).toEqual([{ A: '1' }, { B: '2' }]);
  });
});

describe('lists', () => {
  const list = (text: string) => [...lexBlocks(text, 'library/x')].map((block) => listOf(block, 'L'));

  test('commas alone separate', () => {
    expect(list('L: a, b ,c d')).toEqual([['a', 'b', 'c d']]);
    expect(list('L: a\n  b,\n  c')).toEqual([['a\n b', 'c']]);
  });

  test('a comma at the end makes an empty element, and so does an empty field', () => {
    expect(list('L: a,')).toEqual([['a', '']]);
    expect(list('L:')).toEqual([['']]);
  });

  test('a field that is missing is no list', () => {
    expect(list('A: 1')).toEqual([undefined]);
  });

  test('elements keep space that is not a blank, a tab or a line end', () => {
    expect(list('L: a,\u00A0b\u00A0,c')).toEqual([['a', '\u00A0b\u00A0', 'c']]);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
