import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { image } from '../../../test/support/metadata/content.ts';
import { TemporaryMetadata } from '../../../test/support/metadata/temporary-metadata.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';

const nginx = parseRepositoryName('library/nginx');
const latest = parseTag('latest');
const one = image('one');

test('a copy of a file has no name of its own, so nothing of it outlives the process', async () => {
  await using temporary = new TemporaryMetadata();
  const store = await temporary.open();
  await store.putManifest(nginx, one, { tags: [latest] });
  const folder = path.dirname(temporary.file);
  const before = readdirSync(folder);
  writeFileSync(path.join(folder, 'copy.db'), 'half of what a killed process was copying');
  await using rehearsal = await store.rehearsal();
  expect(readdirSync(folder)).toEqual(before);
  for (let nth = 0; nth < 500; nth += 1) await rehearsal.putManifest(nginx, image(`${nth}`.padEnd(10_000)));
  await rehearsal.deleteManifest(nginx, one.digest);
  expect(await rehearsal.resolveTag(nginx, latest)).toBeUndefined();
  expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: one.digest });
  expect(readdirSync(folder)).toEqual(before);
});
