import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LineBuffer } from './line-buffer.ts';

let written: string[];
beforeEach(() => {
  vi.useFakeTimers();
  written = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const buffer = () => new LineBuffer((text) => void written.push(text));

test('lines of one moment are written together, in their order', () => {
  using lines = buffer();
  for (const line of ['one', 'two']) lines.add(line);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(50);
  lines.add('three');
  vi.advanceTimersByTime(50);
  expect(written).toEqual(['one\ntwo\n', 'three\n']);
});

test('many lines are not waited with', () => {
  using lines = buffer();
  lines.add('x'.repeat(64 * 1024));
  expect(written).toHaveLength(1);
});

test('what is left is written at the end, once', () => {
  {
    using lines = buffer();
    lines.add('last');
  }
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['last\n']);
});
