import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { metadataInspectionContract } from '../../../test/contract/metadata-inspection.ts';
import { blob, image } from '../../../test/support/metadata/content.ts';
import { scanAll } from '../../../test/support/metadata/scan-all.ts';
import { TemporaryMetadata } from '../../../test/support/metadata/temporary-metadata.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { MIGRATIONS } from './migrations.ts';
import { SqliteMetadataStore } from './sqlite-metadata-store.ts';

metadataInspectionContract('SqliteMetadataStore', (clock) => SqliteMetadataStore.inMemory({ clock }));

const nginx = parseRepositoryName('library/nginx');
const latest = parseTag('latest');
const app = image('app', [blob('layer')]);
let temporary: TemporaryMetadata;

beforeEach(() => {
  temporary = new TemporaryMetadata();
});
afterEach(() => temporary[Symbol.asyncDispose]());

test('a database of the first format is migrated, and what its manifests may lack is not known', async () => {
  mkdirSync(path.dirname(temporary.file));
  using first = new DatabaseSync(temporary.file);
  first.exec(`${MIGRATIONS[0]}; PRAGMA user_version = 1`);
  first.prepare(`INSERT INTO repositories VALUES (1, ?)`).run(nginx);
  first.prepare(`INSERT INTO manifests VALUES (1, ?, ?, NULL, NULL, NULL)`).run(app.digest, app.bytes.byteLength);
  first.prepare(`INSERT INTO manifest_bytes VALUES (1, ?)`).run(app.bytes);
  first.prepare(`INSERT INTO blobs VALUES (1, ?, 5)`).run(blob('layer').digest);
  first.exec(`INSERT INTO manifest_blobs VALUES (1, 1); INSERT INTO tags VALUES (1, 'latest', 1)`);
  first.prepare(`INSERT INTO repository_manifests VALUES (1, 1, ?, 7, 7, 'docker.io')`).run(app.mediaType);
  first.close();
  const store = await temporary.open();
  expect(store.resolveTag(nginx, latest)).toMatchObject({ digest: app.digest });
  expect(await store.inspection.manifestHolders(app.digest, 10)).toEqual([
    { repository: nginx, digest: app.digest, mediaType: app.mediaType, upstream: 'docker.io', mayLack: undefined },
  ]);
  expect(await scanAll((page) => store.inspection.incompleteManifests(page))).toEqual([]);
  await store.addBlob(nginx, blob('layer'));
  await store.putManifest(nginx, app);
  expect(await store.inspection.manifestHolders(app.digest, 10)).toMatchObject([{ mayLack: 'nothing' }]);
});

test('tags whose manifest is gone are found', async () => {
  const store = await temporary.open();
  const tags = ['1', '2', '3', '4'].map(parseTag);
  await store.putManifest(nginx, app, { tags, mayLack: 'anything' });
  change(`UPDATE tags SET manifest_id = 99 WHERE name IN ('2', '4')`);
  expect(await scanAll((page) => store.inspection.danglingTags(page))).toEqual([
    { repository: nginx, tag: '2' },
    { repository: nginx, tag: '4' },
  ]);
});

test('bytes that are lost or damaged are not served, and come back when the manifest is put again', async () => {
  for (const damage of [`UPDATE manifest_bytes SET bytes = x'00'`, 'DELETE FROM manifest_bytes']) {
    const store = await temporary.open();
    const put = () => store.putManifest(nginx, app, { mayLack: 'anything' });
    await put();
    change(damage);
    expect(store.manifest(nginx, app.digest)).toBeUndefined();
    await put();
    expect(store.manifest(nginx, app.digest)).toMatchObject({ digest: app.digest });
  }
});

test('a file that was damaged has problems, and at most so many are named', async () => {
  const store = await temporary.open();
  const tags = Array.from({ length: 3000 }, (_, nth) => parseTag(`tag-${nth}`));
  await store.putManifest(nginx, app, { tags, mayLack: 'anything' });
  await store[Symbol.asyncDispose]();
  const pages = readFileSync(temporary.file);
  pages.fill(0x5a, pages.byteLength - 10 * 4096);
  writeFileSync(temporary.file, pages);
  const reopened = await temporary.open();
  const problems = await reopened.inspection.problems(3);
  expect(problems.length).toBeGreaterThan(0);
  expect(problems.length).toBeLessThanOrEqual(3);
});

function change(statements: string): void {
  using database = new DatabaseSync(temporary.file);
  database.exec(statements);
}
