// From the words of a copy's command line to what is copied, and where to.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { refuseOneNameForMany } from '../app/copy-destinations.ts';
import { parseImageList } from '../catalog/list-file.ts';
import { type CopyDestination, parseCopyDestination } from '../config/copy-destination.ts';
import { type ImageLocation, parseImageLocation } from '../config/image-location.ts';
import { type Platform, parsePlatform } from '../oci/platform.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Terminal } from './terminal.ts';

export interface CopyFlags {
  readonly to?: readonly string[] | undefined;
  readonly file?: string | undefined;
  readonly platform?: readonly string[] | undefined;
}

export interface CopyArguments {
  readonly sources: readonly ImageLocation[];
  readonly destinations: readonly CopyDestination[];
  /** Empty: all. */
  readonly platforms: readonly Platform[];
  /** Lines of the list that are no image, each in a sentence that begins with its place. */
  readonly problems: readonly string[];
}

/** The last word is the destination, unless `--to` names one. Throws UsageError. */
export async function readCopyArguments(
  words: readonly string[],
  flags: CopyFlags,
  terminal: Terminal,
): Promise<CopyArguments> {
  const { from, to } = splitWords(words, flags);
  const { locations, problems } = await listedLocations(flags, terminal);
  const [problem] = problems;
  const sources = [...from.map(parseImageLocation), ...locations];
  if (sources.length === 0 && problem !== undefined) throw new UsageError(`${problem}; there is nothing else to copy`);
  if (sources.length === 0) throw new UsageError('nothing to copy; name a source: wharf copy SOURCE… DESTINATION');
  const destinations = to.map((text) => {
    const destination = parseCopyDestination(text);
    refuseOneNameForMany(destination, text, sources.length);
    return destination;
  });
  return {
    sources,
    destinations,
    platforms: (flags.platform ?? []).flatMap((text) => text.split(',')).map(parsePlatform),
    problems,
  };
}

/** What an archive or a daemon is given: it holds one platform of an image. */
export function onlyPlatformOf(platforms: readonly Platform[]): Platform {
  const [chosen, ...more] = platforms;
  if (more.length > 0) throw new UsageError('an archive holds one platform of an image; name one with --platform');
  return chosen ?? { os: 'linux', architecture: ARCHITECTURES[process.arch] ?? process.arch };
}

/** As Go, and so every registry, calls what Node calls otherwise. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

function splitWords(words: readonly string[], { to, file }: CopyFlags) {
  if (to !== undefined) return { from: words, to };
  const last = words.at(-1);
  if (last === undefined || (words.length < 2 && file === undefined)) {
    throw new UsageError('a copy needs a source and a destination: wharf copy SOURCE… DESTINATION');
  }
  return { from: words.slice(0, -1), to: [last] };
}

async function listedLocations({ file }: CopyFlags, terminal: Terminal) {
  if (file === undefined) return { locations: [], problems: [] };
  const { entries, problems } = parseImageList(await readList(file, terminal), file);
  const locations = entries.flatMap(({ reference: { domain, repository, digest }, tags }): ImageLocation[] => {
    const each = tags.length === 0 ? [undefined] : tags;
    return each.map((tag) => ({ kind: 'registry', registry: domain, images: { repository, tag, digest } }));
  });
  return { locations, problems: problems.map((problem) => `${problem.file}:${problem.line}: ${problem.message}`) };
}

async function readList(file: string, terminal: Terminal): Promise<string> {
  if (file === '-') return await terminal.readInput();
  try {
    return await readFile(path.resolve(terminal.workingFolder, file), 'utf8');
  } catch (error) {
    throw new UsageError(`the list ${file} cannot be read: ${(error as Error).message}`);
  }
}
