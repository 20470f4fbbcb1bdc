// Library files look like RFC 2822 headers, but bashbrew reads them with rules of its own (docker-library/bashbrew,
// manifest/rfc2822.go over pault.ag/go/debian/control): comments go first, and only a truly empty line ends a block.
import { LibraryFileError, quote } from './library-file-error.ts';
import { firstVisible, trimListElement, trimSpace, trimSpaceEnd } from './white-space.ts';

interface Field {
  /** With continuation lines, each of them ends in a line feed, the last one too. */
  readonly value: string;
  /** 1-based. */
  readonly line: number;
}

export interface Block {
  /** The 1-based line of its first field. */
  readonly line: number;
  /** Never empty. Of two fields of one name the later one is here, as in bashbrew. */
  readonly fields: ReadonlyMap<string, Field>;
}

interface OpenField {
  readonly line: number;
  readonly first: string;
  readonly continuations: string[];
}

interface OpenBlock {
  readonly line: number;
  readonly fields: Map<string, OpenField>;
}

/**
 * Yields one block after the other, so that a reader that checks each block as it comes stops where bashbrew stops.
 * Throws LibraryFileError for a line that cannot be a field.
 */
export function* lexBlocks(text: string, file: string): Generator<Block> {
  let block: OpenBlock | undefined;
  let last: OpenField | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (firstVisible(line) === '#') continue;
    if (line === '' || line === '\r') {
      if (block !== undefined) yield closeBlock(block);
      block = last = undefined;
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      // Before the first field of a block there is nothing to continue, and bashbrew says nothing.
      last?.continuations.push(readContinuation(line));
    } else {
      const [key, field] = readField(line, { file, line: index + 1 });
      block ??= { line: field.line, fields: new Map() };
      block.fields.set(key, field);
      last = field;
    }
  }
  if (block !== undefined) yield closeBlock(block);
}

/** The elements of a list field; `undefined` where the block does not have it. An empty field has one empty element. */
export function listOf(block: Block, key: string): string[] | undefined {
  return block.fields.get(key)?.value.split(',').map(trimListElement);
}

function readField(line: string, place: { file: string; line: number }): [key: string, field: OpenField] {
  const colon = line.indexOf(':');
  if (colon < 0) {
    throw new LibraryFileError(place, `the line ${quote(line)} has no ":"; write a field as "Name: value"`);
  }
  const first = trimSpace(line.slice(colon + 1));
  return [trimSpace(line.slice(0, colon)), { line: place.line, first, continuations: [] }];
}

// The leading character only marks the continuation; a lone dot stands for an empty line.
function readContinuation(line: string): string {
  const text = trimSpaceEnd(line.slice(1));
  return text === '.' ? '' : text;
}

function closeBlock({ line, fields }: OpenBlock): Block {
  return { line, fields: new Map([...fields].map(([key, field]) => [key, closeField(field)])) };
}

function closeField({ line, first, continuations }: OpenField): Field {
  if (continuations.length === 0) return { line, value: first };
  return { line, value: [...(first === '' ? [] : [first]), ...continuations, ''].join('\n') };
}
