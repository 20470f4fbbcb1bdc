// Reads a library file exactly as bashbrew does, and stops where it stops.
import { isTag, type Tag } from '../../oci/reference.ts';
import { ARCHITECTURES, type Architecture, isArchitecture } from './architectures.ts';
import { type Block, lexBlocks, listOf } from './lex-library-file.ts';
import { DEFAULT_SETTINGS, inheritSettings, type LibraryEntry, type Settings } from './library-entry.ts';
import { LibraryFileError, quote } from './library-file-error.ts';
import { isMaintainer } from './maintainers.ts';
import { MergedEntries } from './merged-entries.ts';

const GIT_FETCH = /^refs\/(?:heads|tags)\/[^*?:]+$/;
const GIT_COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** The entries of a library file in its order; none for an image that is no longer built. Throws LibraryFileError. */
export function parseLibraryFile(text: string, file: string): LibraryEntry[] {
  const blocks = lexBlocks(text, file);
  const first = blocks.next();
  if (first.done === true) {
    throw new LibraryFileError({ file, line: 1, field: 'Maintainers' }, 'the file is empty; it needs Maintainers');
  }
  const global = first.value;
  const inherited = readGlobal(global, file);
  const merged = new MergedEntries();
  for (const block of blocks) {
    const context = { file, block, global };
    merged.add(readEntry(context, inherited), (field, message) => errorAt(context, field, message));
  }
  return merged.entries();
}

function readGlobal(block: Block, file: string): Settings {
  const context = { file, block };
  checkMaintainers(context);
  if (!block.fields.has('Maintainers')) {
    throw errorAt(
      context,
      'Maintainers',
      'Maintainers is missing; the first block has to name who maintains the image',
    );
  }
  if (block.fields.has('Tags')) {
    throw errorAt(context, 'Tags', 'Tags stands in the first block, which holds only what the others inherit');
  }
  const settings = inheritSettings(DEFAULT_SETTINGS, block);
  checkArchitectures(context, settings.architectures);
  return settings;
}

interface Context {
  readonly file: string;
  readonly block: Block;
  readonly global?: Block;
}

/** The checks are in bashbrew's order: the first that fails is the one it reports. */
function readEntry(context: Context, inherited: Settings): LibraryEntry {
  const { block } = context;
  checkMaintainers(context);
  const settings = inheritSettings(inherited, block);
  checkGit(context, settings);
  const tags = listOf(block, 'Tags');
  if (tags === undefined) throw errorAt(context, 'Tags', 'Tags is missing; every block but the first needs one');
  if (settings.gitRepo === '')
    throw errorAt(context, 'GitRepo', 'GitRepo is missing; name the repository to build from');
  return {
    ...settings,
    line: block.line,
    tags: checkTags(context, 'Tags', tags),
    sharedTags: checkTags(context, 'SharedTags', [...new Set(settings.sharedTags)]),
    architectures: checkArchitectures(context, settings.architectures),
  };
}

function checkMaintainers(context: Context): void {
  const wrong = listOf(context.block, 'Maintainers')?.find((maintainer) => !isMaintainer(maintainer));
  if (wrong === undefined) return;
  const expected = 'write "Name <mail> (@handle)" or "Name (@handle)"';
  throw errorAt(context, 'Maintainers', `Maintainers has ${quote(wrong)}; ${expected}, separated by commas`);
}

function checkGit(context: Context, { gitFetch, gitCommit }: Settings): void {
  if (!GIT_FETCH.test(gitFetch)) {
    throw errorAt(context, 'GitFetch', `GitFetch is ${quote(gitFetch)}; it has to be refs/heads/… or refs/tags/…`);
  }
  if (gitCommit === '') throw errorAt(context, 'GitCommit', 'GitCommit is missing; name the commit to build');
  if (!GIT_COMMIT.test(gitCommit)) {
    const expected = 'a whole commit of 40 or 64 lower-case hexadecimal digits';
    throw errorAt(context, 'GitCommit', `GitCommit is ${quote(gitCommit)}; it has to be ${expected}`);
  }
}

function checkTags(context: Context, field: string, tags: readonly string[]): readonly Tag[] {
  const wrong = tags.find((tag) => !isTag(tag));
  if (wrong !== undefined) {
    throw errorAt(context, field, `${field} has ${quote(wrong)}, which is not a tag; tags are separated by commas`);
  }
  return tags.filter(isTag);
}

function checkArchitectures(context: Context, architectures: readonly string[]): readonly Architecture[] {
  const wrong = architectures.find((architecture) => !isArchitecture(architecture));
  if (wrong !== undefined) {
    const known = `known are ${ARCHITECTURES.join(', ')}`;
    throw errorAt(context, 'Architectures', `Architectures has ${quote(wrong)}; ${known}`);
  }
  return architectures.filter(isArchitecture);
}

/** Where the field stands: in the block, in the first one if it is inherited; the block itself where it is missing. */
function errorAt({ file, block, global }: Context, field: string, message: string): LibraryFileError {
  const { line } = block.fields.get(field) ?? global?.fields.get(field) ?? block;
  return new LibraryFileError({ file, line, field }, message);
}
