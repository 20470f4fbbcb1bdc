import { existsSync } from 'node:fs';
import path from 'node:path';
import { runGit } from '../library/scratch-repository.ts';
import { scratchFolder } from './scratch-folder.ts';

const BUNDLE = path.join(import.meta.dirname, '../../../../shared/data/official-images.bundle');
const TAG = '2026-08-21';

/** The small library of this repository. */
export const SMALL_LIBRARY = path.join(import.meta.dirname, '../library');

/** The real library is not part of this repository: it is found beside it, or is not there. */
export const isRealLibraryHere = existsSync(BUNDLE);

/** A folder that holds `library/`. */
export interface LibraryFolder extends AsyncDisposable {
  readonly path: string;
  /** `the official images of 2026-08-21`. */
  readonly name: string;
}

/** The official images as they were on a day, or else the small library of this repository. */
export async function openRealLibrary(): Promise<LibraryFolder> {
  if (!isRealLibraryHere) {
    const name = 'the small library of this repository, as the real one is not here';
    return { path: SMALL_LIBRARY, name, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const folder = await scratchFolder('library');
  runGit('clone', '--quiet', '--branch', TAG, BUNDLE, folder.path);
  return { ...folder, name: `the official images of ${TAG}` };
}
