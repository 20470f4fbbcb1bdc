// Coming from registry:2: what its configuration says, as ours says it.
import { Document, isScalar, type Pair, type Scalar } from 'yaml';
import { convertListeners } from './registry-config/convert-listeners.ts';
import { convertProxy } from './registry-config/convert-proxy.ts';
import { convertStorage } from './registry-config/convert-storage.ts';
import { notesOnTheRest } from './registry-config/counterparts.ts';
import type { WharfSetting } from './registry-config/part.ts';
import { type RegistryConfigSource, RegistrySettings } from './registry-config/settings.ts';

export interface ImportedConfig {
  /** The text of a wharf.yaml. `parseConfig` takes it once the variables that it names are set. */
  readonly yaml: string;
  /** What has no counterpart, or needs something else to be done: a sentence each, with the setting in front. */
  readonly notes: readonly string[];
}

const CONVERSIONS = [convertListeners, convertStorage, convertProxy];
const VERSION = '0.1';

/**
 * Makes a wharf.yaml of a registry:2's config.yml and its REGISTRY_ variables, which win. No secret is in the result,
 * and nothing is opened to more people than before: where a login, TLS or read-only has no counterpart, it listens on
 * loopback. Throws ConfigError for what is wrong in the file, UsageError for what is wrong in a variable.
 */
export function importRegistryConfig(source: RegistryConfigSource): ImportedConfig {
  const settings = new RegistrySettings(source);
  if (settings.text('version') !== VERSION) {
    settings.report(['version'], `expected version: ${VERSION}, as every configuration of registry:2 has it`);
  }
  const parts = CONVERSIONS.map((convert) => convert(settings));
  const rest = notesOnTheRest(settings);
  settings.check();
  return {
    yaml: write(parts.flatMap((part) => part.settings)),
    notes: [...parts.flatMap((part) => part.notes), ...rest].map(printable),
  };
}

function write(settings: readonly WharfSetting[]): string {
  const document = new Document(Object.fromEntries(settings.map(({ key, value }) => [key, value])));
  document.commentBefore = ' What a registry:2 was told. `wharf config check` says whether it can be used.';
  const pairs = (document.contents as unknown as { readonly items: readonly Pair<Scalar>[] }).items;
  for (const [index, { comment = [] }] of settings.entries()) {
    const key = pairs[index]?.key;
    if (isScalar(key) && comment.length > 0)
      key.commentBefore = comment.map((line) => ` ${printable(line)}`).join('\n');
  }
  return document.toString({ lineWidth: 0 });
}

// A path may have anything in it, and what is said of it goes to a terminal.
function printable(line: string): string {
  return line.replaceAll(/\p{C}/gu, '\uFFFD');
}
