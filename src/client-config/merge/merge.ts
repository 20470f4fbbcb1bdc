// Puts our settings into what a person already has. What is theirs stays: keys, order, comments, other mirrors after ours.
import type { ClientFile } from '../client-configuration.ts';
import { mergeContainerdConfig } from './containerd-config.ts';
import { mergeDaemonJson } from './daemon-json.ts';
import { mergeHostsToml } from './hosts-toml.ts';
import { leftAsItIs } from './left-as-it-is.ts';
import { mergeRegistriesConf } from './registries-conf.ts';
import { mergeRegistriesYaml } from './registries-yaml.ts';

/** The text of a file with our settings in it. Both are given whole; the result holds all that ours says. */
type Merger = (existing: string, file: ClientFile) => string;

const MERGERS: readonly (readonly [path: RegExp, merge: Merger])[] = [
  [/\/daemon\.json$/, mergeDaemonJson],
  [/\/registries\.yaml$/, mergeRegistriesYaml],
  [/\/hosts\.toml$/, mergeHostsToml],
  [/\/containerd\/config\.toml$/, mergeContainerdConfig],
  [/\/registries\.conf\.d\/[^/]+\.conf$/, mergeRegistriesConf],
];
const MAX_LENGTH = 1_000_000;

/**
 * What a client's file becomes; `existing` is `undefined` where there is none. Merging again changes nothing. Throws
 * UsageError for a file that is not of its format, that its client would not accept, or that cannot be added to.
 */
export function merge(existing: string | undefined, file: ClientFile): string {
  if (existing === undefined || existing.trim() === '' || existing === file.text) return file.text;
  if (existing.length > MAX_LENGTH) throw leftAsItIs(file.path, 'it has more than a million characters');
  const merger = MERGERS.find(([path]) => path.test(file.path))?.[1];
  if (merger === undefined) {
    throw leftAsItIs(file.path, 'it is there already; print the settings, and put them in by hand');
  }
  try {
    return merger(existing, file);
  } catch (error) {
    // The readers of all three formats go down a level a call.
    if (error instanceof RangeError) throw leftAsItIs(file.path, 'it is nested too deeply to be read');
    throw error;
  }
}
