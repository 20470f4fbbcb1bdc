import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unifiedDiff } from './unified-diff.ts';

const name = '/etc/docker/daemon.json';

test('the same text has no difference', () => {
  expect(unifiedDiff({ before: 'a\n', after: 'a\n', name })).toBe('');
  expect(unifiedDiff({ before: undefined, after: '', name })).toBe('');
});

test('a change is shown with three lines around it', () => {
  const before = '1\n2\n3\n4\n5\n6\n7\n8\n9\n';
  expect(unifiedDiff({ before, after: before.replace('5\n', 'five\n'), name })).toBe(
    `--- ${name}\n+++ ${name}\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n`,
  );
});

test('changes that are far from each other are apart', () => {
  const before = Array.from({ length: 30 }, (_, index) => `${index}\n`).join('');
  const after = before.replace('\n2\n', '\n').replace('27\n', '27\nnew\n');
  const diff = unifiedDiff({ before, after, name });
  expect(diff.match(/^@@ .*$/gm)).toEqual(['@@ -1,6 +1,5 @@', '@@ -26,5 +25,6 @@']);
});

test('a new file comes from nothing, and a removed one goes there', () => {
  expect(unifiedDiff({ before: undefined, after: '{}\n', name })).toBe(
    `--- /dev/null\n+++ ${name}\n@@ -0,0 +1,1 @@\n+{}\n`,
  );
  expect(unifiedDiff({ before: '{}\n', after: undefined, name })).toBe(
    `--- ${name}\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-{}\n`,
  );
});

test('a line break that is missing at the end is shown', () => {
  expect(unifiedDiff({ before: '{}', after: '{}\n', name })).toContain('-{}\n\\ No newline at end of file\n+{}\n');
});

test('what is taken away and what is added leads from the one text to the other', () => {
  const text = fc.array(fc.constantFrom('a\n', 'b\n', 'c\n', '\n'), { maxLength: 30 }).map((lines) => lines.join(''));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const hunks = unifiedDiff({ before, after, name })
        .split(/^@@ -(\d+),(\d+) .*\n/m)
        .slice(1);
      expect(applied(before, hunks)).toBe(after);
    }),
  );
});

test('texts that have nothing in common are compared in no time, however long', () => {
  const lines = (word: string) => Array.from({ length: 10_000 }, (_, index) => `${word} ${index}\n`).join('');
  const diff = unifiedDiff({ before: lines('old'), after: lines('new'), name });
  expect(diff.split('\n')).toHaveLength(3 + 20_000 + 1);
});

/** What `patch` does. `hunks`: start, length and lines of each. */
function applied(before: string, hunks: readonly string[]): string {
  const lines = before.split(/(?<=\n)/);
  let text = '';
  let position = 0;
  for (let index = 0; index < hunks.length; index += 3) {
    const [start = '', length = '', body = ''] = hunks.slice(index, index + 3);
    const first = Number(start) - (length === '0' ? 0 : 1);
    text += lines.slice(position, first).join('');
    position = first + Number(length);
    text += body
      .split(/(?<=\n)/)
      .filter((line) => !line.startsWith('-'))
      .map((line) => line.slice(1))
      .join('');
  }
  return text + lines.slice(position).join('');
}
