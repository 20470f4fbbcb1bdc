import { mkdir, readFile, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { blobStoreContract } from '../../test/contract/blob-store.ts';
import { bytesOf, commit, encode } from '../../test/contract/blob-store-reading.ts';
import { flipByte } from '../../test/support/content/blob-folder-world.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { missingPrograms, skipNote } from '../../test/support/programs/missing-programs.ts';
import { runProgram } from '../../test/support/programs/program.ts';
import { type ScratchFolder, bulkStorage, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { UsageError } from '../oci/usage-error.ts';
import { OciLayout } from './oci-layout.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const NAME = 'org.opencontainers.image.ref.name';
const missing = missingPrograms('skopeo');

const fileIn = (folder: string, digest: Digest) => path.join(folder, 'blobs', ...digest.split(':'));

describe('the blobs of an OCI layout', () => {
  blobStoreContract(async () => {
    const folder = await scratchFolder('layout', bulkStorage);
    const clock = new FakeClock();
    return {
      clock,
      open: async () => (await OciLayout.openOrCreate(folder.path, { now: () => clock.now() })).blobs,
      damage: (digest) => flipByte(fileIn(folder.path, digest)),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  });
});

describe('an OCI layout', () => {
  const options = { now: () => 0 };
  const descriptor = descriptorOf(HELLO, MEDIA_TYPES.ociImage, { [NAME]: '1.27' });
  let scratch: ScratchFolder;
  let folder: string;
  let inside: (...names: readonly string[]) => string;

  beforeEach(async () => {
    scratch = await scratchFolder('layout');
    folder = path.join(scratch.path, 'layout');
    inside = (...names) => path.join(folder, ...names);
  });
  afterEach(() => scratch[Symbol.asyncDispose]());

  const create = () => OciLayout.openOrCreate(folder, options);

  async function expectRefused(attempt: Promise<unknown>, message: RegExp): Promise<void> {
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow(message);
  }

  test('is made of a missing or empty folder, and is empty then', async () => {
    const layout = await create();
    expect(await layout.readIndex()).toEqual({ manifests: [] });
    expect(JSON.parse(await readFile(inside('oci-layout'), 'utf8'))).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(await readdir(inside('.wharf-v1'))).toEqual([]);
  });

  test('has the index that was written, for the next one too', async () => {
    const index = { manifests: [descriptor], annotations: { 'com.example.key': 'value' } };
    await (await create()).writeIndex(index);
    expect(await (await create()).readIndex()).toEqual(index);
    expect(await (await OciLayout.open(folder, options)).readIndex()).toEqual(index);
  });

  test('is made also when its making was broken off before', async () => {
    await create();
    await rm(inside('oci-layout'));
    expect(await (await create()).readIndex()).toEqual({ manifests: [] });
  });

  test('is not written to when it is only read', async () => {
    const layout = await create();
    await commit(layout.blobs, HELLO, DIGEST);
    await rm(inside('.wharf-v1'), { recursive: true });
    const { blobs } = await OciLayout.open(folder, options);
    expect(await bytesOf(blobs, DIGEST)).toEqual(HELLO);
    expect((await readdir(folder)).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('is not made of a folder that holds something else, or that is missing where it is to be read', async () => {
    await expectRefused(OciLayout.open(folder, options), /is no OCI image layout: it has no file oci-layout$/);
    await mkdir(folder);
    await writeFile(inside('photo.jpg'), '');
    await expectRefused(create(), /is no OCI image layout, and holds "photo.jpg"; choose an empty folder$/);
    expect(await readdir(folder)).toEqual(['photo.jpg']);
  });

  test('never gives a blob that hashes to something else, whole or in part', async () => {
    const { blobs } = await create();
    await commit(blobs, HELLO, DIGEST);
    await flipByte(fileIn(folder, DIGEST));
    await expect(blobs.open(DIGEST)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await blobs.quarantine(DIGEST)).toBe(true);
    expect(await blobs.open(DIGEST)).toBeUndefined();
  });

  test.each(['blobs', 'blobs/sha256', 'blobs/sha512', '.wharf-v1', '.wharf-v1/uploads', '.wharf-v1/trash'])(
    'with a link in the place of its folder %s is refused',
    async (name) => {
      await create();
      await mkdir(inside('blobs', 'sha512'), { recursive: true });
      await mkdir(inside('blobs', 'sha256'), { recursive: true });
      await rm(inside(name), { recursive: true, force: true });
      await symlink(scratch.path, inside(name));
      await expectRefused(OciLayout.open(folder, options), /is no folder of its own, but a link or a file/);
      await expectRefused(create(), /is no folder of its own, but a link or a file/);
    },
  );

  test.each(['oci-layout', 'index.json'])('with a link in the place of its file %s is refused', async (name) => {
    await create();
    await rename(inside(name), path.join(scratch.path, 'elsewhere'));
    await symlink(path.join(scratch.path, 'elsewhere'), inside(name));
    const reading = OciLayout.open(folder, options).then((layout) => layout.readIndex());
    await expectRefused(reading, /has no (plain )?file/);
  });

  test('with a pipe in the place of its index is refused at once', async () => {
    const layout = await create();
    await rm(inside('index.json'));
    expect(await runProgram('mkfifo', [inside('index.json')])).toMatchObject({ code: 0 });
    await expectRefused(layout.readIndex(), /has no plain file index.json$/);
  });

  test('with an enormous index, or version, is refused before it is read', async () => {
    const layout = await create();
    await truncate(inside('index.json'), 2 ** 40);
    await expectRefused(layout.readIndex(), /index.json has 1099511627776 bytes, and more than 16777216 are not read$/);
    await truncate(inside('oci-layout'), 2 ** 40);
    await expectRefused(OciLayout.open(folder, options), /oci-layout has 1099511627776 bytes/);
  });

  test.each<[string, RegExp]>([
    ['', /index.json is not JSON$/],
    ['[]', /index.json is invalid at ""/],
    ['{"schemaVersion":1,"manifests":[]}', /index.json is invalid at "schemaVersion"/],
    [
      withDigest('../../../../etc/passwd'),
      /index.json is invalid at "manifests.0.digest": expected a sha256 or sha512/,
    ],
    [withDigest('sha256:../../../etc/passwd'), /index.json is invalid at "manifests.0.digest"/],
    ['{"schemaVersion":2,"manifests":[],"annotations":{"\\u001b[2J":1}}', /invalid at "annotations.\\u001b\[2J"/],
  ])('with the index %s is refused', async (text, message) => {
    const layout = await create();
    await writeFile(inside('index.json'), text);
    await expectRefused(layout.readIndex(), message);
  });

  test('of another version is refused', async () => {
    await create();
    await writeFile(inside('oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await expectRefused(OciLayout.open(folder, options), /oci-layout is invalid at "imageLayoutVersion"/);
  });

  test.skipIf(missing !== undefined)(`can be read and written by skopeo${skipNote(missing)}`, async () => {
    const layout = await create();
    const config = encode('{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}');
    const configDescriptor = descriptorOf(config, MEDIA_TYPES.ociConfig);
    const image = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociImage, config: configDescriptor, layers: [] };
    const manifest = encode(JSON.stringify(image));
    for (const bytes of [config, manifest]) await commit(layout.blobs, bytes, digestOf(bytes));
    const named = descriptorOf(manifest, MEDIA_TYPES.ociImage, { [NAME]: 'ours' });
    await layout.writeIndex({ manifests: [named] });

    const args = ['copy', '--insecure-policy', `oci:${folder}:ours`, `oci:${folder}:theirs`];
    expect(await runProgram('skopeo', args)).toMatchObject({ code: 0 });
    const { manifests } = await layout.readIndex();
    expect(manifests.map(({ digest, annotations }) => [digest, annotations?.[NAME]])).toEqual([
      [named.digest, 'ours'],
      [named.digest, 'theirs'],
    ]);
  });
});

function descriptorOf(bytes: Uint8Array, mediaType: string, annotations?: Record<string, string>): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength, ...(annotations && { annotations }) };
}

function withDigest(digest: string): string {
  const manifests = [{ mediaType: MEDIA_TYPES.ociImage, digest, size: 1 }];
  return JSON.stringify({ schemaVersion: 2, manifests });
}
