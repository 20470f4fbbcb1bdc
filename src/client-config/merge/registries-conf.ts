// A drop-in of registries.conf: our mirrors of a registry are put before theirs.
import type { ClientFile } from '../client-configuration.ts';
import { leftAsItIs } from './left-as-it-is.ts';
import { isSameValue } from './same-value.ts';
import { cutToml, isTable, joinToml, meansToml, newBlock, parseToml, type Toml, type TomlBlock } from './toml-text.ts';

interface Registry {
  readonly prefix: string;
  readonly settings: Toml;
  readonly mirrors: readonly Toml[];
}

/** An entry as text: its own lines, and those of each of its mirrors. */
interface Entry {
  readonly main: TomlBlock;
  readonly mirrors: readonly TomlBlock[];
}

export function mergeRegistriesConf(existing: string, { path, text }: ClientFile): string {
  const theirs = parseToml(existing, path);
  const their = registriesOf(theirs, path);
  const our = registriesOf(parseToml(text, path), path);
  const ourEntries = entriesOf(cutToml(text).map((block) => newBlock(block.path, block.text)));
  const pieces = piecesOf(cutToml(existing));
  let count = 0;
  const merged = pieces.flatMap((piece) => {
    if ('path' in piece) return [piece];
    const registry = their[count++];
    const index = our.findIndex(({ prefix }) => prefix === registry?.prefix);
    const [ours, entry] = [our[index], ourEntries[index]];
    if (ours === undefined || entry === undefined || registry === undefined) return [piece.main, ...piece.mirrors];
    const others = piece.mirrors.filter((_, at) => !isAmong(registry.mirrors[at], ours.mirrors));
    return [piece.main, ...entry.mirrors, ...others];
  });
  const isNew = ({ prefix }: Registry) => their.every((each) => each.prefix !== prefix);
  const news = ourEntries.filter((_, index) => our[index] !== undefined && isNew(our[index]));
  const result = joinToml([...merged, ...news.flatMap(({ main, mirrors }) => [main, ...mirrors])]);
  const registry = [...their.map((each) => expectedOf(each, our)), ...our.filter(isNew).map(asWritten)];
  if (meansToml(result, { ...theirs, registry })) return result;
  throw leftAsItIs(path, 'its registries are not written as [[registry]] and [[registry.mirror]]');
}

function registriesOf(toml: Toml, path: string): Registry[] {
  if ('registries' in toml) {
    throw leftAsItIs(
      path,
      'it has the first form of registries.conf ([registries.search] and such), which knows no mirrors',
    );
  }
  const { registry = [] } = toml;
  if (!Array.isArray(registry)) throw leftAsItIs(path, 'registry in it is no list of tables');
  const prefixes = new Set<string>();
  return (registry as unknown[]).map((entry) => {
    if (!isTable(entry)) throw leftAsItIs(path, 'registry in it is no list of tables');
    const { mirror = [], ...settings } = entry;
    const prefix = settings['prefix'] ?? settings['location'];
    if (typeof prefix !== 'string') throw leftAsItIs(path, 'a [[registry]] in it has neither prefix nor location');
    if (prefixes.has(prefix)) throw leftAsItIs(path, `it has two [[registry]] for ${prefix}`);
    prefixes.add(prefix);
    if (!Array.isArray(mirror) || !(mirror as unknown[]).every(isTable))
      throw leftAsItIs(path, `the mirrors of ${prefix} are no list of tables`);
    return { prefix, settings, mirrors: mirror };
  });
}

function isEntry(piece: TomlBlock | Entry): piece is Entry {
  return 'main' in piece;
}

/** Entries with their mirrors, and all other blocks as they are. */
function piecesOf(blocks: readonly TomlBlock[]): (TomlBlock | Entry)[] {
  const pieces: (TomlBlock | Entry)[] = [];
  for (const block of blocks) {
    const last = pieces.at(-1);
    if (isSameValue(block.path, ['registry'])) pieces.push({ main: block, mirrors: [] });
    else if (isSameValue(block.path, ['registry', 'mirror']) && last !== undefined && isEntry(last)) {
      pieces[pieces.length - 1] = { main: last.main, mirrors: [...last.mirrors, block] };
    } else pieces.push(block);
  }
  return pieces;
}

function entriesOf(blocks: readonly TomlBlock[]): Entry[] {
  return piecesOf(blocks).filter(isEntry);
}

function isAmong(mirror: Toml | undefined, mirrors: readonly Toml[]): boolean {
  return mirrors.some((each) => each['location'] === mirror?.['location']);
}

function expectedOf({ prefix, settings, mirrors }: Registry, our: readonly Registry[]): Toml {
  const ours = our.find((each) => each.prefix === prefix)?.mirrors ?? [];
  const all = [...ours, ...mirrors.filter((mirror) => !isAmong(mirror, ours))];
  return { ...settings, ...(all.length > 0 && { mirror: all }) };
}

function asWritten({ settings, mirrors }: Registry): Toml {
  return { ...settings, ...(mirrors.length > 0 && { mirror: mirrors }) };
}
