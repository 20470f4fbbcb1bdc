import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asShellScript } from './as-shell-script.ts';
import type { ClientFile } from './client-configuration.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-script-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): ClientFile => ({ path: name, format: 'toml', text });
const run = (files: readonly ClientFile[]) =>
  spawnSync('sh', ['-s'], { cwd: folder, input: asShellScript(files), encoding: 'utf8' });
const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');

test('whatever is in the texts, the script writes them', () => {
  const line = fc.oneof(
    fc.constantFrom('END_OF_FILE', 'END_OF_FILE_2', "'", '$(touch evil)', '`touch evil`', '\\', '#', 'EOF'),
    fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
  );
  const text = fc.array(line).map((lines) => lines.map((each) => `${each}\n`).join(''));
  fc.assert(
    fc.property(text, text, (one, other) => {
      const into = mkdtempSync(path.join(folder, 'run-'));
      execFileSync('sh', ['-s'], { cwd: into, input: asShellScript([file('a b/$x', one), file("c'd", other)]) });
      expect(readFileSync(path.join(into, 'a b/$x'), 'utf8')).toBe(one);
      expect(readFileSync(path.join(into, "c'd"), 'utf8')).toBe(other);
    }),
    { numRuns: 20 },
  );
});

test('a file that is there and says something else is left as it is, and the others are written', () => {
  mkdirSync(path.join(folder, 'etc'));
  writeFileSync(path.join(folder, 'etc/theirs'), 'theirs\n');
  writeFileSync(path.join(folder, 'etc/same'), 'same\n');
  const files = [file('etc/theirs', 'ours\n'), file('etc/same', 'same\n'), file('etc/new', 'new\n')];
  const { status, stderr } = run(files);
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'etc/theirs is there already and was left as it is\n' });
  expect([read('etc/theirs'), read('etc/same'), read('etc/new')]).toEqual(['theirs\n', 'same\n', 'new\n']);
});

test('running it twice is as good as once', () => {
  const files = [file('one', 'one\n'), file('two', '')];
  expect(run(files).status).toBe(0);
  expect(run(files).status).toBe(0);
});
