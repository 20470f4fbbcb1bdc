import { expect, test } from 'vitest';
import { staleConfigDocs } from '../../../scripts/write-config-docs.ts';

test('docs/config.md and docs/wharf.schema.json say what the schema says (run scripts/write-config-docs.ts)', async () => {
  const stale = await staleConfigDocs();
  expect(stale.map(({ file }) => file.pathname.split('/').at(-1))).toEqual([]);
});
