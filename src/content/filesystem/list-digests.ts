import { opendir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { nothingIfGone } from '../storage-error.ts';
import { type BlobFolder, digestInTrash } from './blob-folder.ts';

interface Branch {
  readonly path: string;
  /** How all digests below it begin. */
  readonly prefix: string;
  readonly levels: number;
}

const PAGE_LENGTH = 1000;
const BRANCH_NAME = /^[0-9a-f]{2}$/;

/** All digests in their order, with the names of one folder in memory at a time. */
export async function* listDigests(folder: BlobFolder, after = ''): AsyncGenerator<readonly Digest[], undefined> {
  let page: Digest[] = [];
  for (const algorithm of ['sha256', 'sha512']) {
    const trunk = { path: path.join(folder.blobs, algorithm), prefix: `${algorithm}:`, levels: folder.fanOut };
    for await (const digests of leavesOf(trunk, after)) {
      page.push(...digests);
      for (; page.length >= PAGE_LENGTH; page = page.slice(PAGE_LENGTH)) yield page.slice(0, PAGE_LENGTH);
    }
  }
  if (page.length > 0) yield page;
}

/** What lies in the trash, in no order. */
export async function* listTrash(folder: BlobFolder): AsyncGenerator<readonly Digest[], undefined> {
  let page: Digest[] = [];
  const trash = await opendir(folder.trash).catch(nothingIfGone);
  for await (const { name } of trash ?? []) {
    const digest = digestInTrash(name);
    if (digest === undefined) continue;
    if (page.push(digest) < PAGE_LENGTH) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

async function* leavesOf(branch: Branch, after: string): AsyncGenerator<readonly Digest[], undefined> {
  const entries = (await readdir(branch.path, { withFileTypes: true }).catch(nothingIfGone)) ?? [];
  if (branch.levels === 0) {
    const algorithm = branch.prefix.slice(0, branch.prefix.indexOf(':'));
    const digests = entries.filter((entry) => entry.isFile()).map(({ name }) => `${algorithm}:${name}`);
    yield digests
      .filter(isDigest)
      .filter((digest) => digest.startsWith(branch.prefix) && digest > after)
      .sort();
    return;
  }
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const name of names.filter((name) => BRANCH_NAME.test(name)).sort()) {
    const prefix = branch.prefix + name;
    if (prefix < after.slice(0, prefix.length)) continue;
    yield* leavesOf({ path: path.join(branch.path, name), prefix, levels: branch.levels - 1 }, after);
  }
}
