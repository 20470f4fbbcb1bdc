import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { image } from '../../../test/support/metadata/content.ts';
import { skipNote } from '../../../test/support/programs/missing-programs.ts';
import { mountSmallDisk, whyNoSmallDisk } from '../../../test/support/programs/small-disk.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { SqliteMetadataStore } from './sqlite-metadata-store.ts';

const noDisk = await whyNoSmallDisk();
const nginx = parseRepositoryName('library/nginx');
const DISK_KIB = 1024;

describe.skipIf(noDisk !== undefined)(`on a full disk${skipNote(noDisk)}`, () => {
  test('what does not fit is refused in a sentence, what was acknowledged stays, and with room it goes on', async () => {
    await using disk = await mountSmallDisk(DISK_KIB);
    await using store = await SqliteMetadataStore.open(disk.path, { clock: new FakeClock() });
    const large = (nth: number) => image(`${nth} `.padEnd(50_000, 'x'));
    const put = (nth: number) => store.putManifest(nginx, large(nth), { tags: [parseTag(`t${nth}`)] });
    let count = 0;
    const fill = async () => {
      for (; count < DISK_KIB; count += 1) await put(count);
    };
    const filling = fill();
    await expect(filling).rejects.toThrow(/metadata\.db cannot grow, as the disk is full; free some space/);
    await expect(filling).rejects.toBeInstanceOf(UsageError);
    expect(count).toBeGreaterThan(3);
    expect(await store.resolveTag(nginx, parseTag(`t${count}`))).toBeUndefined();
    for (let nth = 0; nth < count; nth += 1) {
      expect(await store.resolveTag(nginx, parseTag(`t${nth}`))).toMatchObject({ digest: large(nth).digest });
    }
    await disk.resize(8 * DISK_KIB);
    await put(count);
    expect(await store.resolveTag(nginx, parseTag(`t${count}`))).toBeDefined();
  });
});
