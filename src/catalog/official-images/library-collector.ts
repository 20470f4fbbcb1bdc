import { isUtf8 } from 'node:buffer';
import { OciError } from '../../oci/errors.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { CatalogProblem } from '../catalog.ts';
import type { LibraryFile } from './library.ts';

export type ItemKind = 'file' | 'folder' | 'symbolic link' | 'special file';

// The largest real file has 37 kB, and a library of 144 files half a megabyte.
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_LIBRARY_BYTES = 64 * 1024 * 1024;

/**
 * Takes in what lies in `library/`, whoever reads it. What cannot be a library file becomes a problem before a byte of
 * it is read; a symbolic link could lead anywhere.
 */
export class LibraryCollector {
  readonly #files: LibraryFile[] = [];
  readonly #problems: CatalogProblem[] = [];
  #sizeBytes = 0;

  /** Whether something of that name and kind is worth reading. */
  admits(name: string, kind: ItemKind): boolean {
    if (kind !== 'file') return this.reject(name, `this is a ${kind}; only plain files are read`);
    if (!isImageName(name)) return this.reject(name, 'no image can have the name of this file');
    return true;
  }

  /** Whether a file of that size is worth reading. Throws UsageError when all files together are too large. */
  admitsSize(name: string, sizeBytes: number): boolean {
    if (sizeBytes > MAX_FILE_BYTES) {
      return this.reject(name, `the file has ${sizeBytes} bytes; at most ${MAX_FILE_BYTES} are read`);
    }
    this.#sizeBytes += sizeBytes;
    if (this.#sizeBytes <= MAX_LIBRARY_BYTES) return true;
    throw new UsageError(`the files of library/ have more than ${MAX_LIBRARY_BYTES} bytes; this cannot be a library`);
  }

  add(name: string, bytes: Buffer): void {
    // A byte order mark stays in the text, for bashbrew does not skip it either.
    if (isUtf8(bytes)) this.#files.push({ name, text: bytes.toString() });
    else this.reject(name, 'the file is not UTF-8 text');
  }

  /** Makes it a problem. The message is a sentence about the file. */
  reject(name: string, message: string): false {
    this.#problems.push({ file: `library/${name.replaceAll(/\p{Cc}/gu, '?')}`, message });
    return false;
  }

  /** Sorted by name. */
  collected(): { files: LibraryFile[]; problems: CatalogProblem[] } {
    const files = this.#files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const problems = this.#problems.toSorted((a, b) => (a.file < b.file ? -1 : 1));
    return { files, problems };
  }
}

function isImageName(name: string): boolean {
  try {
    parseRepositoryName(`library/${name}`);
    return !name.includes('/');
  } catch (error) {
    if (error instanceof OciError) return false;
    throw error;
  }
}
