import { randomUUID } from 'node:crypto';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { forEach } from '../async/for-each.ts';
import { OciLayout, type OciLayoutOptions } from '../content/oci-layout.ts';
import { nothingIfGone, toStorageError } from '../content/storage-error.ts';
import { algorithmOf } from '../oci/digest.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Gathering } from './gathering.ts';
import { LOCK_FILE } from './lock-file.ts';
import type { BundlePlan } from './plan-bundle.ts';

const BLOBS_AT_ONCE = 8;
const END_OF_TIME = new Date(8.64e15);

/**
 * The layout for a bundle in a folder: an empty or missing one, one that an earlier create left unfinished, or an
 * earlier bundle, which becomes the new one. Throws UsageError for the layout of somebody else.
 */
export async function openBundleFolder(folder: string, options: OciLayoutOptions): Promise<OciLayout> {
  const layout = await OciLayout.openOrCreate(folder, options);
  const { manifests } = await layout.readIndex();
  const isOurs = manifests.length === 0 || (await lstat(path.join(folder, LOCK_FILE)).catch(nothingIfGone))?.isFile();
  if (isOurs === true) return layout;
  throw new UsageError(`${folder} holds an image layout that is no bundle; choose an empty folder`);
}

/**
 * Writes what is not there yet, then what names it, and removes what nothing names any more. Stopped anywhere, all that
 * index.json names is there, and the next create goes on.
 */
export async function writeFolder(
  folder: string,
  layout: OciLayout,
  plan: BundlePlan,
  gathering: Gathering,
  { signal }: Call,
): Promise<void> {
  await forEach(plan.blobs, BLOBS_AT_ONCE, async (digest) => {
    signal?.throwIfAborted();
    if ((await layout.blobs.stat(digest)) !== undefined) return;
    await using ingest = await layout.blobs.begin(algorithmOf(digest));
    const opened = await gathering.open(digest);
    for await (const bytes of 'slice' in opened ? opened.stream() : opened) await ingest.append(bytes);
    await ingest.commit(digest);
  });
  for (const [name, text] of Object.entries(plan.texts)) await replaceFile(folder, name, text);
  await layout.writeIndex({ manifests: plan.index });
  if (plan.texts['manifest.json'] === undefined) await rm(path.join(folder, 'manifest.json'), { force: true });
  await removeOthers(layout, new Set<string>(plan.blobs));
}

async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  const temporary = path.join(folder, `${name}.${randomUUID()}.part`);
  try {
    {
      await using handle = await open(temporary, 'wx');
      await handle.writeFile(text);
      await handle.sync();
    }
    await rename(temporary, path.join(folder, name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw toStorageError(error, folder);
  }
  await removeStrays(folder, `${name}.`);
}

/** What a killed process left. */
async function removeStrays(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix) && name.endsWith('.part')) await rm(path.join(folder, name), { force: true });
  }
}

async function removeOthers(layout: OciLayout, named: ReadonlySet<string>): Promise<void> {
  for await (const page of layout.blobs.list()) {
    for (const digest of page) if (!named.has(digest)) await layout.blobs.delete(digest);
  }
  await layout.blobs.emptyTrash(END_OF_TIME);
}
