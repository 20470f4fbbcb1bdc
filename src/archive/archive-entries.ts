// A tar from anywhere, entry by entry. Names are checked and never become paths of this machine.
import path from 'node:path';
import { createGunzip } from 'node:zlib';
import { type ParsedTarEntry, type TarHeader, createTarDecoder } from 'modern-tar';
import { UsageError } from '../oci/usage-error.ts';
import { tap } from '../streams/tap.ts';
import { isGzip } from './compression.ts';
import { quote } from './image-name.ts';
import { peek, through } from './through.ts';

type ArchiveEntry = ArchiveFile | ArchiveLink;

export interface ArchiveFile {
  readonly kind: 'file';
  /** Relative, without `.` and `..`; no other entry has it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** To be read to its end, also where it is not wanted: modern-tar 0.8 takes the cancelling of one for that of the next. */
  readonly body: ReadableStream<Uint8Array>;
}

interface ArchiveLink {
  readonly kind: 'link';
  readonly name: string;
  /** A name within the archive, whether or not there is an entry of it. */
  readonly target: string;
}

const MAX_ENTRIES = 50_000;
const MAX_NAME_LENGTH = 1024;

/**
 * Files and links of a tar, which may be gzip-compressed as a whole; folders are passed over. Throws UsageError, with
 * `label` for what the archive is called, when it breaks off, is none, or has an entry that no image needs. A failure
 * of `body` itself is thrown as it is.
 */
export async function* archiveEntries(body: AsyncIterable<Uint8Array>, label: string): AsyncGenerator<ArchiveEntry> {
  const source = new WatchedSource(body);
  const explain = (error: unknown) => source.failure?.error ?? brokenTar(error, label);
  const entries = ReadableStream.from(uncompressed(source))
    .pipeThrough(createTarDecoder({ strict: true }))
    .getReader();
  const names = new Set<string>();
  let count = 0;
  try {
    for (;;) {
      const { value: entry } = await entries.read().catch((error: unknown) => {
        throw explain(error);
      });
      if (entry === undefined) return;
      count += 1;
      if (count > MAX_ENTRIES) throw new UsageError(`${label} has more than ${MAX_ENTRIES} entries, and is not read`);
      const found = entryOf(entry, label, explain);
      if (found === undefined) continue;
      if (names.has(found.name)) throw new UsageError(`${label} has two entries of the name ${quote(found.name)}`);
      names.add(found.name);
      yield found;
    }
  } finally {
    await entries.cancel().catch(() => undefined);
  }
}

/** Remembers whether it was the source that failed, rather than what came of it. */
class WatchedSource implements AsyncIterable<Uint8Array> {
  readonly #body: AsyncIterable<Uint8Array>;
  #failure: { readonly error: unknown } | undefined;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const bytes of this.#body) yield bytes;
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

async function* uncompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, body } = await peek(source, 2);
  yield* isGzip(head) ? through(body, createGunzip()) : body;
}

function entryOf(
  { header, body }: ParsedTarEntry,
  label: string,
  explain: (error: unknown) => unknown,
): ArchiveEntry | undefined {
  const { type = 'file', size } = header;
  if (type === 'directory') {
    checkName(header.name, label);
    return undefined;
  }
  const name = checkName(header.name, label);
  if (type === 'file') return { kind: 'file', name, sizeBytes: size, body: tap(body, { mapError: explain }) };
  if (type === 'symlink' || type === 'link') return { kind: 'link', name, target: targetOf(header, name, label) };
  throw new UsageError(`${label} has a ${type} of the name ${quote(name)}, which no image needs; it is not read`);
}

// A symbolic link leads on from its folder, a hard link from the root of the archive.
function targetOf({ type, linkname = '' }: TarHeader, name: string, label: string): string {
  const target = path.posix.normalize(
    type === 'symlink' ? path.posix.join(path.posix.dirname(name), linkname) : linkname,
  );
  if (!linkname.startsWith('/') && target !== '..' && !target.startsWith('../') && isPlain(linkname)) return target;
  throw new UsageError(
    `${label} has a link ${quote(name)} that leads out of it, to ${quote(linkname)}; it is not read`,
  );
}

function checkName(name: string, label: string): string {
  const parts = name.split('/');
  if (name === '' || name.startsWith('/') || parts.includes('..') || !isPlain(name)) {
    throw new UsageError(`${label} has an entry of the name ${quote(name)}, which is not within it; it is not read`);
  }
  return path.posix.normalize(name);
}

function isPlain(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && !name.includes('\0') && !name.includes('\\');
}

function brokenTar(error: unknown, label: string): unknown {
  if (error instanceof UsageError || !(error instanceof Error)) return error;
  return new UsageError(`${label} is not a whole tar archive: ${error.message}`, { cause: error });
}
