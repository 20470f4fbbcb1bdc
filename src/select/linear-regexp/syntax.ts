// What a regular expression may be made of here: whatever can be matched in linear time. No references back, no looking
// around, no laziness, as it is only asked whether something matches.

export type Node =
  | { readonly kind: 'character'; readonly matches: (character: string) => boolean }
  | { readonly kind: 'start' | 'end' }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly Node[] }
  | { readonly kind: 'repeat'; readonly part: Node; readonly min: number; readonly max: number };

const MAX_REPEATS = 255;

/** Reads a regular expression without its slashes. Throws SyntaxError with what is wrong in words. */
export function parseRegExp(source: string): Node {
  const reader = new Reader(source);
  const node = readChoice(reader);
  if (!reader.isAtEnd) throw new SyntaxError('a ")" has no "("');
  return node;
}

class Reader {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#source.length;
  }

  peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.#at += text.length;
    return true;
  }

  next(missing: string): string {
    if (this.isAtEnd) throw new SyntaxError(missing);
    this.#at += 1;
    return this.#source.charAt(this.#at - 1);
  }

  match(pattern: RegExp): RegExpExecArray | undefined {
    const found = pattern.exec(this.#source.slice(this.#at)) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }

  nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > 50) throw new SyntaxError('more than 50 parentheses are inside each other');
    const result = read();
    this.#depth -= 1;
    return result;
  }
}

function readChoice(reader: Reader): Node {
  const parts = [readSequence(reader)];
  while (reader.take('|')) parts.push(readSequence(reader));
  return { kind: 'choice', parts };
}

function readSequence(reader: Reader): Node {
  const parts: Node[] = [];
  while (!reader.isAtEnd && !reader.peek('|') && !reader.peek(')')) parts.push(readRepeated(reader));
  return { kind: 'sequence', parts };
}

function readRepeated(reader: Reader): Node {
  const part = readAtom(reader);
  const repeats = readRepeats(reader);
  if (repeats === undefined) return part;
  if (part.kind === 'start' || part.kind === 'end') throw new SyntaxError('"^" and "$" cannot be repeated');
  if (reader.match(/^[*+?{]/)) throw new SyntaxError('what is repeated is repeated again; use parentheses');
  return { kind: 'repeat', part, ...repeats };
}

function readRepeats(reader: Reader): { min: number; max: number } | undefined {
  if (reader.take('*')) return { min: 0, max: Infinity };
  if (reader.take('+')) return { min: 1, max: Infinity };
  if (reader.take('?')) return { min: 0, max: 1 };
  if (!reader.peek('{')) return undefined;
  const [, low, comma, high] = reader.match(/^\{(\d{1,3})(,?)(\d{0,3})\}/) ?? [];
  if (low === undefined)
    throw new SyntaxError('a "{" stands for itself only as "\\{", and else begins {2}, {2,} or {2,5}');
  const min = Number(low);
  const max = high !== undefined && high !== '' ? Number(high) : comma === ',' ? Infinity : min;
  if (min > MAX_REPEATS || (max !== Infinity && max > MAX_REPEATS)) {
    throw new SyntaxError(`something is repeated more than ${MAX_REPEATS} times`);
  }
  if (max < min) throw new SyntaxError('the numbers of a repetition are the wrong way round');
  return { min, max };
}

function readAtom(reader: Reader): Node {
  if (reader.take('(')) return readGroup(reader);
  if (reader.take('[')) return readClass(reader);
  if (reader.take('^')) return { kind: 'start' };
  if (reader.take('$')) return { kind: 'end' };
  if (reader.take('.')) return { kind: 'character', matches: () => true };
  if (reader.take('\\')) return { kind: 'character', matches: readEscape(reader) };
  if (reader.match(/^[*+?{]/)) throw new SyntaxError('there is nothing to repeat');
  const literal = reader.next('');
  return { kind: 'character', matches: (character) => character === literal };
}

function readGroup(reader: Reader): Node {
  if (reader.peek('?') && !reader.take('?:')) {
    throw new SyntaxError('"(?" begins something that is not supported; only "(" and "(?:" are');
  }
  const node = reader.nested(() => readChoice(reader));
  if (!reader.take(')')) throw new SyntaxError('a "(" has no ")"');
  return node;
}

type Matches = (character: string) => boolean;

const CLASSES: Readonly<Record<string, Matches>> = {
  d: (character) => /^[0-9]$/.test(character),
  w: (character) => /^\w$/.test(character),
  s: (character) => /^\s$/.test(character),
};

function readEscape(reader: Reader): Matches {
  const escaped = reader.next('a "\\" is the last character');
  const named = CLASSES[escaped.toLowerCase()];
  if (named !== undefined) return escaped === escaped.toLowerCase() ? named : (character) => !named(character);
  if (/[A-Za-z0-9]/.test(escaped)) throw new SyntaxError(`"\\${escaped}" is not supported; \\d, \\w and \\s are`);
  return (character) => character === escaped;
}

function readClass(reader: Reader): Node {
  const isNegated = reader.take('^');
  const members: Matches[] = [];
  while (!reader.take(']')) members.push(readMember(reader));
  const has: Matches = (character) => members.some((matches) => matches(character));
  return { kind: 'character', matches: isNegated ? (character) => !has(character) : has };
}

function readMember(reader: Reader): Matches {
  const unclosed = 'a "[" has no "]"';
  const first = reader.next(unclosed);
  if (first === '\\' && reader.match(/^(?=[A-Za-z0-9])/)) return readEscape(reader);
  const low = first === '\\' ? reader.next(unclosed) : first;
  const [, bare, escaped] = reader.match(/^-(?:([^\]\\])|\\([^A-Za-z0-9]))/) ?? [];
  const high = bare ?? escaped ?? low;
  if (high < low) throw new SyntaxError(`the range "${low}-${high}" is the wrong way round`);
  return (character) => low <= character && character <= high;
}
