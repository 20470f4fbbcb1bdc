import { isMap, isScalar, isSeq, type LineCounter, type YAMLMap } from 'yaml';
import type { ConfigProblem } from './config-error.ts';
import { type Path, formatPath, shorten } from './value-path.ts';

/** Where a value stands in the file, and as what: before variables were replaced. */
export interface Place {
  readonly keyOffset: number;
  readonly valueOffset: number;
  /** Absent where there is no value. */
  readonly node?: unknown;
}

/** Leads from the value at a path back to the file. Never shows a secret, nor what a variable held. */
export class SourceMap {
  readonly #lines: LineCounter;
  readonly #places = new Map<string, Place>();

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  add(path: Path, place: Place): void {
    this.#places.set(JSON.stringify(path), place);
  }

  /** A problem at the value, or at its key; where there is neither, at what should have held it. */
  problem(path: Path, message: string, part: 'key' | 'value' = 'value'): ConfigProblem {
    const place = this.#nearest(path);
    return this.problemAt(part === 'key' ? place.keyOffset : place.valueOffset, path, message);
  }

  problemAt(offset: number, path: Path, message: string): ConfigProblem {
    const { line, col: column } = this.#lines.linePos(offset);
    return { line, column, path: formatPath(path), message };
  }

  /** What stands at the path, for the end of a sentence. */
  found(path: Path): string {
    const place = this.#places.get(JSON.stringify(path));
    if (place === undefined) return 'nothing';
    const found = describe(place.node);
    return isSecret(path, found) ? 'a value that is not shown here' : shorten(withoutUserInfo(found));
  }

  #nearest(path: Path): Place {
    for (let length = path.length; length >= 0; length--) {
      const place = this.#places.get(JSON.stringify(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return { keyOffset: 0, valueOffset: 0 };
  }
}

function describe(node: unknown): string {
  if (isMap(node)) return node.items.length === 0 ? 'an empty map' : `a map with ${keysOf(node).join(', ')}`;
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : 'a list';
  if (!isScalar(node) || node.value === null) return 'nothing';
  return JSON.stringify(node.value);
}

function keysOf(map: YAMLMap): string[] {
  return map.items.slice(0, 10).map(({ key }) => String(isScalar(key) ? key.value : key));
}

function isSecret(path: Path, found: string): boolean {
  return path.includes('credentials') || isOfWebhook(path) || (path.at(-1) === 'proxy' && found.includes('@'));
}

/** Whoever has the address of a webhook may often post to it. */
function isOfWebhook(path: Path): boolean {
  return path[0] === 'notify' && path[2] !== 'on';
}

function withoutUserInfo(text: string): string {
  return text.replace(/:\/\/.*@/s, '://…@');
}
