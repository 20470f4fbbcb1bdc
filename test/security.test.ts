// SECURITY.md names a test for each of its claims.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const page = readFileSync(path.join(root, 'SECURITY.md'), 'utf8');
const claims = [...page.matchAll(/`((?:src|test)\/[\w./-]+\.test\.ts): ([^`]+)`/g)].map(
  ([, file = '', title = '']) => ({ file, title }),
);

test('every claim of SECURITY.md is shown by a test that is there', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| he may try'));
  expect(claims.length).toBe(rows.length);
  const missing = claims.filter(({ file, title }) => {
    const full = path.join(root, file);
    return !existsSync(full) || !readFileSync(full, 'utf8').replaceAll("\\'", "'").includes(title);
  });
  expect(missing).toEqual([]);
});
