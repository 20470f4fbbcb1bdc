import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OCI_ERRORS, OciError } from './errors.ts';

test('docs/errors.md lists exactly the codes that exist, with their status and meaning', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (.+) \|$/gm)];
  const documented = Object.fromEntries(
    rows.map(([, code = '', status, meaning]) => [code, [Number(status), meaning]]),
  );
  expect(documented).toEqual(OCI_ERRORS);
});

test('an error without a message of its own has that of the table', () => {
  const error = new OciError('NAME_UNKNOWN');
  expect(error.message).toBe('repository name not known to registry');
  expect(error.status).toBe(404);
});
