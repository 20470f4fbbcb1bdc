// TOML as text, cut at its table headers: comments and layout stay where they are. A cut is a guess, as a text of several
// lines can look like a header; so whoever puts pieces together parses the whole again and compares.
import { parse, TomlError } from 'smol-toml';
import { leftAsItIs } from './left-as-it-is.ts';
import { isSameValue } from './same-value.ts';

export interface TomlBlock {
  /** `['host', 'https://m.example']`; empty for what stands before the first header. */
  readonly path: readonly string[];
  /** The comment before it, its header and its lines, each with its end. */
  readonly text: string;
  /** Put in by us: it stands between empty lines. */
  readonly isNew?: boolean;
}

export type Toml = Readonly<Record<string, unknown>>;

export function parseToml(text: string, path: string): Toml {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '');
    throw leftAsItIs(path, `it is no TOML: ${reason} (line ${error.line}, column ${error.column})`);
  }
}

/** Whether a text that was put together of pieces means what it should. */
export function meansToml(text: string, expected: Toml): boolean {
  try {
    return isSameValue(parse(text), expected);
  } catch (error) {
    if (error instanceof TomlError) return false;
    throw error;
  }
}

/** All blocks put together are the text again, but for a line end at its end. */
export function cutToml(text: string): TomlBlock[] {
  const blocks: TomlBlock[] = [];
  let path: readonly string[] = [];
  let lines: string[] = [];
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const next = pathOfHeader(line);
    if (next !== undefined) {
      // The comment right before a header speaks of it, but for the one that opens the file.
      const spoken = lines.findLastIndex((each) => !/^\s*#/.test(each)) + 1;
      blocks.push({ path, text: lines.slice(0, spoken).join('') });
      lines = lines.slice(spoken);
      path = next;
    }
    lines.push(line.endsWith('\n') ? line : `${line}\n`);
  }
  return [...blocks, { path, text: lines.join('') }];
}

/** Puts blocks together again. */
export function joinToml(blocks: readonly TomlBlock[]): string {
  let joined = '';
  let isAfterNew = false;
  for (const { text, isNew = false } of blocks) {
    const isApart = joined === '' || joined.endsWith('\n\n') || text.startsWith('\n') || text === '';
    joined += (isNew || isAfterNew) && !isApart ? `\n${text}` : text;
    if (text !== '') isAfterNew = isNew;
  }
  return joined;
}

/** A block of ours, without the empty lines around it. */
export function newBlock(path: readonly string[], text: string): TomlBlock {
  return { path, text: `${text.trim()}\n`, isNew: true };
}

export function isTable(value: unknown): value is Toml {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function pathOfHeader(line: string): readonly string[] | undefined {
  if (!/^\s*\[.+\]\s*(?:#.*)?$/.test(line.trimEnd())) return undefined;
  let table: unknown;
  try {
    table = parse(line);
  } catch {
    // It only looked like one.
    return undefined;
  }
  const path: string[] = [];
  for (;;) {
    const inner: unknown = Array.isArray(table) ? table[0] : table;
    const [key] = isTable(inner) ? Object.keys(inner) : [];
    if (key === undefined || !isTable(inner)) return path.length === 0 ? undefined : path;
    path.push(key);
    table = inner[key];
  }
}
