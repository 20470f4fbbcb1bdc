import type { Tag } from '../../oci/reference.ts';
import type { Architecture } from './architectures.ts';
import { type Block, listOf } from './lex-library-file.ts';

/** How an image is built: what makes two blocks one image when it is the same. */
export interface BuildSettings<A = Architecture> {
  /** Each once, sorted. */
  readonly architectures: readonly A[];
  readonly gitRepo: string;
  readonly gitFetch: string;
  readonly gitCommit: string;
  readonly directory: string;
  readonly file: string;
  /** Empty: bashbrew's own choice. */
  readonly builder: string;
  /** Where it can be built. It says nothing of where it can run. */
  readonly constraints: readonly string[];
  /** `arm64v8-GitCommit` and the like, which win over the settings above on one architecture. None is empty. */
  readonly architectureSettings: ReadonlyMap<string, string>;
}

/** One image of a library file: all its tags name one index over its architectures. */
export interface LibraryEntry extends BuildSettings {
  /** The 1-based line where its block starts; the first one's, where blocks that build the same were merged. */
  readonly line: number;
  readonly tags: readonly Tag[];
  /** Tags of an index over the architectures of every entry that has them. */
  readonly sharedTags: readonly Tag[];
}

/** What a block says and what it inherits, before anything is checked. */
export interface Settings extends BuildSettings<string> {
  readonly sharedTags: readonly string[];
}

/** What the first block inherits. */
export const DEFAULT_SETTINGS: Settings = {
  architectures: ['amd64'],
  gitRepo: '',
  gitFetch: 'refs/heads/master',
  gitCommit: '',
  directory: '.',
  file: 'Dockerfile',
  builder: '',
  constraints: [],
  architectureSettings: new Map(),
  sharedTags: [],
};

/**
 * The settings of a block over those of the first one. SharedTags and Architectures replace the inherited ones,
 * Constraints add to them; that is what bashbrew does, though its documentation says that all are overridden.
 */
export function inheritSettings(inherited: Settings, block: Block): Settings {
  const valueOf = (key: string, otherwise: string): string => block.fields.get(key)?.value ?? otherwise;
  const architectures = listOf(block, 'Architectures');
  const directory = block.fields.get('Directory')?.value;
  return {
    architectures: architectures === undefined ? inherited.architectures : [...new Set(architectures)].sort(),
    gitRepo: valueOf('GitRepo', inherited.gitRepo),
    gitFetch: valueOf('GitFetch', inherited.gitFetch),
    gitCommit: valueOf('GitCommit', inherited.gitCommit),
    directory: directory === undefined ? inherited.directory : cleanPath(directory),
    file: valueOf('File', inherited.file),
    builder: valueOf('Builder', inherited.builder),
    constraints: [...inherited.constraints, ...(listOf(block, 'Constraints') ?? [])],
    architectureSettings: inheritArchitectureSettings(inherited.architectureSettings, block),
    sharedTags: listOf(block, 'SharedTags') ?? inherited.sharedTags,
  };
}

/** Equal for entries that bashbrew merges, and for no others. */
export function buildKeyOf(settings: BuildSettings<string>): string {
  const { architectures, gitRepo, gitFetch, gitCommit, directory, file, builder, constraints } = settings;
  const perArchitecture = [...settings.architectureSettings].sort(([a], [b]) => (a < b ? -1 : 1));
  // Joined, because to bashbrew an empty field of constraints is the same as none.
  const joined = [architectures.join(), constraints.join()];
  return JSON.stringify([...joined, gitRepo, gitFetch, gitCommit, directory, file, builder, perArchitecture]);
}

const ARCHITECTURE_SETTING = /-(?:GitRepo|GitFetch|GitCommit|Directory|File|Builder)$/;

function inheritArchitectureSettings(inherited: ReadonlyMap<string, string>, block: Block): Map<string, string> {
  const settings = new Map(inherited);
  for (const [key, { value }] of block.fields) {
    if (!ARCHITECTURE_SETTING.test(key)) continue;
    // An empty value takes an inherited one away.
    if (value === '') settings.delete(key);
    else settings.set(key, key.endsWith('-Directory') ? cleanPath(value) : value);
  }
  return settings;
}

/** `./1.0//alpine/` is `1.0/alpine`; nothing is `.`. Not node:path's normalize, which keeps a slash at the end. */
function cleanPath(path: string): string {
  const root = path.startsWith('/') ? '/' : '';
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..' || (kept.length === 0 ? root === '' : kept.at(-1) === '..')) kept.push(part);
    else kept.pop();
  }
  return root + kept.join('/') || '.';
}
