// The difference of two small texts, as `diff -u` has it.

export interface DiffOptions {
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly name: string;
}

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

const CONTEXT = 3;
/** Past it, what is between the common beginning and the common end is shown as replaced whole. */
const MAX_COMPARED = 4_000_000;
const NO_FILE = '/dev/null';

/** Empty when they are the same. `undefined` is no file at all. */
export function unifiedDiff({ before, after, name }: DiffOptions): string {
  const lines = compare(linesOf(before), linesOf(after));
  const hunks = hunksOf(lines);
  if (hunks.length === 0) return '';
  const header = `--- ${before === undefined ? NO_FILE : name}\n+++ ${after === undefined ? NO_FILE : name}\n`;
  return header + hunks.map(([from, to]) => formatHunk(lines, from, to)).join('');
}

/** With their line breaks: a last line without one differs from one with it. */
function linesOf(text = ''): readonly string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}

function compare(before: readonly string[], after: readonly string[]): readonly Line[] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const middle = compareMiddle(before.slice(start, before.length - end), after.slice(start, after.length - end));
  return [...signed(' ', before.slice(0, start)), ...middle, ...signed(' ', before.slice(before.length - end))];
}

/** Keeps a longest common subsequence. */
function compareMiddle(before: readonly string[], after: readonly string[]): readonly Line[] {
  if (before.length * after.length > MAX_COMPARED) return [...signed('-', before), ...signed('+', after)];
  const width = after.length + 1;
  // How many lines what follows position (row, column) has in common.
  const common = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number) => common[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      common[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [old, added] = [before[row], after[column]];
    if (old !== undefined && old === added) {
      lines.push({ sign: ' ', text: old });
      [row, column] = [row + 1, column + 1];
    } else if (old !== undefined && (added === undefined || at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ sign: '-', text: old });
      row += 1;
    } else {
      lines.push({ sign: '+', text: added ?? '' });
      column += 1;
    }
  }
  return lines;
}

function signed(sign: Line['sign'], lines: readonly string[]): readonly Line[] {
  return lines.map((text) => ({ sign, text }));
}

/** Stretches of lines with a change in them and some lines around; where they meet they are one. */
function hunksOf(lines: readonly Line[]): readonly (readonly [from: number, to: number])[] {
  const hunks: [from: number, to: number][] = [];
  for (const [index, { sign }] of lines.entries()) {
    if (sign === ' ') continue;
    const [from, to] = [Math.max(0, index - CONTEXT), Math.min(lines.length, index + CONTEXT + 1)];
    const last = hunks.at(-1);
    if (last !== undefined && last[1] >= from) last[1] = to;
    else hunks.push([from, to]);
  }
  return hunks;
}

function formatHunk(lines: readonly Line[], from: number, to: number): string {
  const range = (other: '-' | '+') => {
    const isThere = ({ sign }: Line) => sign === ' ' || sign === other;
    const count = lines.slice(from, to).filter(isThere).length;
    const first = lines.slice(0, from).filter(isThere).length + (count === 0 ? 0 : 1);
    return `${other}${first},${count}`;
  };
  const body = lines.slice(from, to).map(({ sign, text }) => {
    return text.endsWith('\n') ? sign + text : `${sign}${text}\n\\ No newline at end of file\n`;
  });
  return `@@ ${range('-')} ${range('+')} @@\n${body.join('')}`;
}
