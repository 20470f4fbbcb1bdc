import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');
const sources = ['src/app/*.ts', 'src/cli/run-serve.ts'].flatMap((pattern) => globSync(pattern, { cwd: root }));

/** `msg level`, of all above debug. */
function inSource(): string[] {
  const text = sources
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => readFileSync(path.join(root, file), 'utf8'))
    .join('\n');
  const calls = [...text.matchAll(/\blog\.(info|warn|error)\('([^']+)'/g)];
  const byHand = [...text.matchAll(/"msg":"([a-z ]+)"/g)];
  return [
    ...calls.map(([, level, message]) => `${message} ${level}`),
    ...byHand.flatMap(([, message]) => [`${message} info`, `${message} error`]),
  ];
}

function documented(): string[] {
  const page = readFileSync(path.join(root, 'docs/logs.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z ]+)` \| ((?:info|warn|error)(?:, (?:info|warn|error))*) \|/gm)];
  return rows.flatMap(([, message, levels = '']) => levels.split(', ').map((level) => `${message} ${level}`));
}

test('docs/logs.md lists exactly the messages above debug, with their levels', () => {
  expect(documented().toSorted()).toEqual([...new Set(inSource())].toSorted());
});
