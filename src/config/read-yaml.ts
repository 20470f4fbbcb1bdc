import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { type Environment, interpolate } from './interpolate.ts';
import { SourceMap } from './source-map.ts';
import type { Path } from './value-path.ts';

export interface SourceDocument {
  /** Plain values; what could not be read is `undefined` and has a problem of its own. */
  readonly value: unknown;
  readonly source: SourceMap;
  readonly problems: readonly ConfigProblem[];
}

const MAX_CHARACTERS = 1024 * 1024;
const MAX_NODES = 50_000;
const MAX_DEPTH = 32;

/**
 * Reads YAML (JSON is YAML) and replaces the variables in its texts, not in its keys. Aliases count as often as they
 * are used, so a few lines cannot grow without bound. Throws ConfigError when the text is no YAML at all.
 */
export function readYaml(text: string, file: string, env: Environment): SourceDocument {
  const lines = new LineCounter();
  const source = new SourceMap(lines);
  if (text.length > MAX_CHARACTERS) {
    throw new ConfigError(file, [{ line: 1, column: 1, path: '', message: 'the file is larger than 1 MiB' }]);
  }
  const options = { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: false } as const;
  const document = parseDocument(text, options);
  const complaint = document.errors[0] ?? document.warnings[0];
  if (complaint !== undefined) {
    throw new ConfigError(file, [complain(complaint, source)]);
  }
  const walk = new Walk(text, env, source);
  const value = walk.read(document.contents, []);
  if (walk.isTooLarge) {
    throw new ConfigError(file, [source.problem([], 'the file holds too much, or an alias that contains itself')]);
  }
  return { value, source, problems: walk.problems };
}

/** From the nodes of the document to plain values, noting where each one stands. */
class Walk {
  readonly problems: ConfigProblem[] = [];
  isTooLarge = false;
  readonly #text: string;
  readonly #env: Environment;
  readonly #source: SourceMap;
  readonly #anchors = new Map<string, unknown>();
  #nodeCount = 0;
  #characterCount = 0;

  constructor(text: string, env: Environment, source: SourceMap) {
    this.#text = text;
    this.#env = env;
    this.#source = source;
  }

  read(node: unknown, path: Path, keyOffset?: number): unknown {
    this.#nodeCount += 1;
    this.isTooLarge ||= this.#nodeCount > MAX_NODES || this.#characterCount > MAX_CHARACTERS || path.length > MAX_DEPTH;
    if (this.isTooLarge) return undefined;
    const valueOffset = offsetOf(node) ?? keyOffset ?? 0;
    this.#source.add(path, { keyOffset: keyOffset ?? valueOffset, valueOffset, node });
    if (isAlias(node)) return this.#readAlias(node.source, path, valueOffset, keyOffset);
    if (isNode(node) && node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#readMap(node.items, path);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index]));
    if (!isScalar(node)) return null;
    if (typeof node.value === 'string') this.#characterCount += node.value.length;
    return typeof node.value === 'string' ? this.#readText(node.value, path, valueOffset) : node.value;
  }

  #readAlias(anchor: string, path: Path, offset: number, keyOffset: number | undefined): unknown {
    const target = this.#anchors.get(anchor);
    if (target !== undefined) return this.read(target, path, keyOffset);
    this.problems.push(this.#source.problemAt(offset, path, `there is no anchor &${anchor} above this alias`));
    return undefined;
  }

  #readMap(pairs: readonly { key: unknown; value: unknown }[], path: Path): Record<string, unknown> {
    const result = Object.create(null) as Record<string, unknown>;
    for (const pair of pairs) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      const keyOffset = offsetOf(pair.key) ?? 0;
      if (key === '__proto__' || key in result) {
        const message = key === '__proto__' ? 'there is no such key' : 'the key is given twice; remove one';
        this.problems.push(this.#source.problemAt(keyOffset, [...path, key], message));
      } else {
        result[key] = this.read(pair.value, [...path, key], keyOffset);
      }
    }
    return result;
  }

  #readText(text: string, path: Path, offset: number): string | undefined {
    const { text: value, problems } = interpolate(text, this.#env);
    for (const { index, message } of problems) {
      // Quotes and escapes may come before it in the file: look for the same characters.
      const written = this.#text.indexOf(text.slice(index, index + 8), offset);
      this.problems.push(this.#source.problemAt(written < 0 ? offset : written, path, message));
    }
    return problems.length > 0 ? undefined : value;
  }
}

function complain({ code, message, pos }: YAMLError, source: SourceMap): ConfigProblem {
  if (code === 'RESOURCE_EXHAUSTION') return source.problemAt(0, [], 'the file is nested too deeply');
  return source.problemAt(pos[0], [], `this is not YAML: ${withoutQuotes(message)}`);
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

// The parser quotes what it stumbled over, which may be half of a password.
function withoutQuotes(message: string): string {
  return message.replace(/: ".*$/s, '');
}
