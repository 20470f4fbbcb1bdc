import { PassThrough, Writable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogOutput } from './log-output.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recording() {
  const written: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      written.push(text);
      done();
    },
  });
  return { written, output: new LogOutput(stream) };
}

test('lines of one moment are written together, in their order', () => {
  const { written, output } = recording();
  using _ = output;
  for (const line of ['one\n', 'two\n']) output.add(line);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(50);
  output.add('three\n');
  vi.advanceTimersByTime(50);
  expect(written).toEqual(['one\ntwo\n', 'three\n']);
});

test('many lines are not waited with', () => {
  const { written, output } = recording();
  using _ = output;
  output.add('x'.repeat(64 * 1024));
  expect(written).toHaveLength(1);
});

test('what is left is written at the end, once', () => {
  const { written, output } = recording();
  output.add('last\n');
  output[Symbol.dispose]();
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['last\n']);
});

test('what is left is written when the process ends', () => {
  const { written, output } = recording();
  using _ = output;
  output.add('last\n');
  const flush = process.listeners('exit').at(-1);
  flush?.call(process, 0);
  expect(written).toEqual(['last\n']);
});

test('while nobody reads, lines are dropped and counted when 16 MiB wait', () => {
  using output = new LogOutput(new PassThrough({ highWaterMark: 1 }));
  const line = 'x'.repeat(1024 * 1024);
  for (let count = 0; count < 20; count += 1) output.add(line);
  expect(output.lostLines).toBeGreaterThan(0);
  expect(output.lostLines).toBeLessThan(5);
});

test('a reader that went away ends nothing, and its lines are counted', async () => {
  vi.useRealTimers();
  const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
  using output = new LogOutput(stream);
  for (const lines of [2, 1]) {
    for (let count = 0; count < lines; count += 1) output.add('one\n');
    output.flush();
  }
  await expect.poll(() => output.lostLines).toBe(3);
});
