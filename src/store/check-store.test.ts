import { rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CheckWorld, UPSTREAM } from '../../test/support/check-world.ts';
import { flipByte } from '../../test/support/content/blob-folder-world.ts';
import { blobsOf, image, index, layerIndex, manifestsOf, textBlob } from '../../test/support/image-graph.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { checkStore } from './check-store.ts';

const APP = parseRepositoryName('team/app');
const NGINX = parseRepositoryName('library/nginx');
const REDIS = parseRepositoryName('library/redis');
const pushed = image('app', ['layer one', 'layer two']);
const copied = index(image('nginx amd64', ['base', 'nginx on amd64']), image('nginx arm64', ['nginx on arm64']));
const BASE = digestOf('base');

let world: CheckWorld;

beforeEach(async () => {
  world = await CheckWorld.onDisk();
  await world.push(APP, pushed, 'latest');
  await world.copy(NGINX, copied, 'latest', '1');
});
afterEach(() => world[Symbol.asyncDispose]());

function fileOf(digest: Digest): string {
  const hex = digest.slice('sha256:'.length);
  return path.join(world.dataFolder, 'blobs-v1/sha256', hex.slice(0, 2), hex.slice(2, 4), hex);
}

async function kindsFound(): Promise<readonly string[]> {
  return (await world.check()).findings.map(({ kind }) => kind);
}

test('a whole store has no findings, and every blob and manifest of it is read', async () => {
  const blobs = [pushed, copied].flatMap(blobsOf);
  const sizeBytes = blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
  expect(await world.check()).toEqual({
    findings: [],
    totals: { blobs: { checked: blobs.length, bytes: sizeBytes }, manifests: 4, findings: 0, repaired: 0 },
  });
});

describe('a foreign layer', () => {
  const windows = image('windows', ['own'], ['foreign']);

  test('that was never pushed is no finding', async () => {
    await world.push(APP, windows, 'ltsc');
    expect(await kindsFound()).toEqual([]);
  });

  test('that was pushed is missing when it is gone', async () => {
    await world.push(APP, { ...windows, blobs: [...windows.blobs, textBlob('foreign')] }, 'ltsc');
    expect(await kindsFound()).toEqual([]);
    await rm(fileOf(digestOf('foreign')));
    expect(await kindsFound()).toEqual(['missing']);
  });
});

test('an index of layers is whole with them, incomplete without one, and completed from where it came', async () => {
  const cache = layerIndex('what it is for', 'a cached layer');
  await world.copy(NGINX, cache, 'cache');
  expect(await kindsFound()).toEqual([]);
  await world.metadata.deleteBlob(NGINX, digestOf('a cached layer'));
  expect((await world.repair()).findings).toMatchObject([
    { kind: 'incomplete', digest: cache.manifest.digest, repaired: true },
  ]);
  expect(await kindsFound()).toEqual([]);
  await world.content.delete(digestOf('a cached layer'));
  await world.content.emptyTrash(new Date(8e15));
  world.tamper('DELETE FROM manifest_bytes WHERE bytes = ?', Uint8Array.from(cache.manifest.bytes));
  expect((await world.repair()).totals).toMatchObject({ findings: 2, repaired: 2 });
  expect(await kindsFound()).toEqual([]);
});

test('bytes that nobody knows of are no finding', async () => {
  const ingest = await world.content.begin();
  await ingest.append(Buffer.from('left behind'));
  await ingest.commit(digestOf('left behind'));
  await flipByte(fileOf(digestOf('left behind')));
  expect((await world.check()).findings).toEqual([]);
});

describe('a blob with other bytes', () => {
  test('goes to the quarantine, and counts as missing from then on', async () => {
    await flipByte(fileOf(BASE));
    const { findings } = await world.check();
    expect(findings).toMatchObject([{ kind: 'corrupt', digest: BASE, repositories: [NGINX], repaired: false }]);
    expect(findings[0]?.message).toMatch(
      /^the blob sha256:\S+ of library\/nginx holds other bytes, which hash to sha256:\S+; it was moved to the quarantine, and is not served; wharf check --repair fetches it again from docker\.io$/,
    );
    expect(await world.content.stat(BASE)).toBeUndefined();
    expect(await kindsFound()).toEqual(['missing']);
  });

  test('stays in its place where that is wanted', async () => {
    await flipByte(fileOf(BASE));
    expect((await world.check({ leaveCorrupt: true })).findings).toMatchObject([{ kind: 'corrupt' }]);
    expect(await world.content.stat(BASE)).toMatchObject({ sizeBytes: 4 });
    expect(await kindsFound()).toEqual(['corrupt']);
  });

  test('is one finding also when its file became shorter', async () => {
    await truncate(fileOf(BASE), 2);
    expect(await kindsFound()).toEqual(['corrupt']);
  });

  test('is found by its size outside of the sample, too', async () => {
    await truncate(fileOf(BASE), 2);
    await flipByte(fileOf(digestOf('nginx on arm64')));
    const { findings, totals } = await world.check({ sample: { count: 0 } });
    expect(findings).toMatchObject([{ kind: 'corrupt', digest: BASE }]);
    expect(totals.blobs.checked).toBe(1);
  });

  test('is fetched again', async () => {
    await flipByte(fileOf(BASE));
    const { findings, totals } = await world.repair();
    expect(findings).toMatchObject([{ kind: 'corrupt', repaired: true }]);
    expect(findings[0]?.message).toMatch(/; it was fetched again from docker\.io$/);
    expect(totals).toMatchObject({ findings: 1, repaired: 1 });
    expect(world.asked).toEqual([`blob ${BASE}`]);
    expect((await world.check()).findings).toEqual([]);
  });
});

describe('a blob that is gone', () => {
  test('is named with those who may serve it', async () => {
    await world.push(APP, image('another', ['base']));
    await rm(fileOf(BASE));
    const { findings } = await world.check();
    expect(findings).toMatchObject([{ kind: 'missing', digest: BASE, repositories: [NGINX, APP] }]);
    expect(findings[0]?.message).toContain(
      `the blob ${BASE} of library/nginx and 1 more is missing; wharf check --repair`,
    );
  });

  test('that was pushed is to be pushed again, which puts it back', async () => {
    await rm(fileOf(digestOf('layer two')));
    const { findings } = await world.repair();
    expect(findings).toMatchObject([{ kind: 'missing', repaired: false }]);
    expect(findings[0]?.message).toMatch(/is missing; it came from no upstream: push team\/app again$/);
    await world.push(APP, pushed, 'latest');
    expect((await world.check()).findings).toEqual([]);
  });

  test('says why it could not be fetched again', async () => {
    await rm(fileOf(BASE));
    world.loseUpstream();
    const { findings } = await world.repair();
    expect(findings).toMatchObject([{ kind: 'missing', repaired: false }]);
    expect(findings[0]?.message).toMatch(/; it could not be fetched again: library\/nginx has no sha256:\S+ upstream$/);
  });

  test('comes back out of the trash, if its bytes are right', async () => {
    await world.content.delete(BASE);
    await world.content.delete(digestOf('nginx on arm64'));
    const inTrash = `sha256-${digestOf('nginx on arm64').slice('sha256:'.length)}`;
    await flipByte(path.join(world.dataFolder, 'blobs-v1/trash', inTrash));
    const restored: string[] = [];
    const { findings } = await world.check({
      onEvent: (event) => void (event.type === 'restored' && restored.push(event.digest)),
    });
    expect(restored).toEqual([BASE]);
    expect(findings).toMatchObject([{ kind: 'missing', digest: digestOf('nginx on arm64') }]);
  });
});

test('a sound blob of another size than was recorded is recorded right', async () => {
  world.tamper('UPDATE blobs SET size_bytes = 7 WHERE digest = ?', BASE);
  const { findings } = await world.check({ sample: { count: 0 } });
  expect(findings).toMatchObject([{ kind: 'size', digest: BASE, repaired: false }]);
  expect(findings[0]?.message).toContain('has 4 bytes, not 7 as recorded; wharf check --repair records it right');
  expect((await world.repair()).findings).toMatchObject([{ kind: 'size', repaired: true }]);
  expect((await world.check()).findings).toEqual([]);
});

describe('a manifest with other bytes', () => {
  const { digest } = copied.manifest;
  const SET_BYTES =
    'UPDATE manifest_bytes SET bytes = ? WHERE manifest_id = (SELECT id FROM manifests WHERE digest = ?)';

  test('is found and not served', async () => {
    world.tamper(SET_BYTES, Buffer.from('{}'), digest);
    const { findings } = await world.check();
    expect(findings).toMatchObject([{ kind: 'corrupt-manifest', digest, repositories: [NGINX] }]);
    expect(findings[0]?.message).toContain('hash to sha256:44136fa3');
    expect(await world.metadata.manifest(NGINX, digest)).toBeUndefined();
  });

  test('is fetched again, for one pull', async () => {
    world.tamper(SET_BYTES, Buffer.from('{}'), digest);
    expect((await world.repair()).findings).toMatchObject([{ kind: 'corrupt-manifest', repaired: true }]);
    expect(world.asked).toEqual([`manifest ${digest}`]);
    expect((await world.check()).findings).toEqual([]);
    expect((await world.metadata.manifest(NGINX, digest))?.bytes).toEqual(Uint8Array.from(copied.manifest.bytes));
  });

  test('that has none is found too, and put right by whoever pushes it again', async () => {
    const lost = pushed.manifest.digest;
    world.tamper('DELETE FROM manifest_bytes WHERE manifest_id = (SELECT id FROM manifests WHERE digest = ?)', lost);
    const { findings } = await world.repair();
    expect(findings).toMatchObject([{ kind: 'corrupt-manifest', digest: lost, repaired: false }]);
    expect(findings[0]?.message).toMatch(/has lost its bytes, and is not served; .* push team\/app again$/);
    await world.push(APP, pushed, 'latest');
    expect((await world.check()).findings).toEqual([]);
  });
});

describe('a manifest without what it names', () => {
  const [child] = copied.children;

  test('is found when it was put whole, and gets back what came from an upstream', async () => {
    await world.metadata.deleteManifest(NGINX, child!.manifest.digest);
    await world.metadata.deleteBlob(NGINX, BASE);
    const { findings } = await world.check();
    expect(findings).toMatchObject([{ kind: 'incomplete', digest: copied.manifest.digest, repositories: [NGINX] }]);
    expect(findings[0]?.message).toContain(`names what the repository lacks: ${child!.manifest.digest}; wharf check`);
    expect((await world.repair()).findings).toMatchObject([{ kind: 'incomplete', repaired: true }]);
    expect((await world.check()).findings).toEqual([]);
    expect(await world.metadata.statManifest(NGINX, child!.manifest.digest)).toBeDefined();
    expect(await world.metadata.statBlob(NGINX, BASE)).toBeDefined();
  });

  test('gets a blob that another repository still has without asking the upstream', async () => {
    await world.copy(REDIS, image('redis', ['base']), 'latest');
    await world.metadata.deleteBlob(REDIS, BASE);
    expect((await world.repair()).findings).toMatchObject([
      { kind: 'incomplete', repositories: [REDIS], repaired: true },
    ]);
    expect(world.asked).toEqual([]);
  });

  test('is no finding when it was allowed to lack it, or when that is not known', async () => {
    const put = { ...copied.manifest, manifests: manifestsOf(copied).map(({ digest }) => digest), blobs: [] };
    const children = { ...put, manifests: [child!.manifest.digest] };
    await world.metadata.putManifest(REDIS, children, { mayLack: 'manifests', upstream: UPSTREAM });
    expect((await world.check()).findings).toEqual([]);
    await world.metadata.deleteManifest(NGINX, child!.manifest.digest);
    world.tamper('UPDATE repository_manifests SET may_lack = NULL');
    expect((await world.check()).findings).toEqual([]);
  });
});

test('a tag that means nothing is named', async () => {
  world.tamper(`UPDATE tags SET manifest_id = 999 WHERE name = '1'`);
  const { findings } = await world.check();
  expect(findings).toEqual([
    {
      kind: 'dangling-tag',
      repositories: [NGINX],
      message: 'the tag library/nginx:1 means no manifest that is there; push or sync it again, or delete it',
      repaired: false,
    },
  ]);
});

test('a database that finds itself damaged is all that is reported', async () => {
  await flipByte(fileOf(BASE));
  const { metadata, content } = world;
  const inspection = { ...metadata.inspection, problems: async () => ['row 3 missing from index'] };
  const messages: string[] = [];
  const totals = await checkStore(
    { metadata, content, inspection },
    { seed: '', onEvent: (event) => void (event.type === 'found' && messages.push(event.finding.message)) },
  );
  expect(totals).toMatchObject({ manifests: 0, findings: 1, repaired: 0 });
  expect(messages[0]).toContain('is damaged: row 3 missing from index; nothing else was checked');
});

test('stops within a blob when it is told to', async () => {
  const stop = new AbortController();
  const check = world.check({ signal: stop.signal, onEvent: (event) => event.type === 'bytes' && stop.abort() });
  await expect(check).rejects.toThrow('aborted');
});
