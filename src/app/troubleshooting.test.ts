// docs/troubleshooting.md quotes sentences of ours, which people search it for: they are to be those of the source.
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../..');
const pageFile = path.join(root, 'docs/troubleshooting.md');
const page = readFileSync(pageFile, 'utf8');
/** What is too short could be anywhere. */
const MIN_LENGTH = 12;

/** Texts that are written in several parts are one here. */
function source(): string {
  return globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => readFileSync(path.join(root, file), 'utf8'))
    .join('\n')
    .replaceAll(/['"`] \+\s+['"`]/g, '');
}

function quoted(): readonly string[] {
  const [, sentences = ''] = page.split('\n## Sentences of Wharf\n');
  return [...sentences.matchAll(/^\| `([^`]+)` \|/gm)].map(([, words = '']) => words);
}

const partsOf = (sentence: string) => sentence.split('…').map((part) => part.trim());

test('every quoted sentence of ours, but for what differs in it, is in the source', () => {
  const text = source();
  const rotten = quoted().filter((sentence) => partsOf(sentence).some((part) => !text.includes(part)));
  expect(rotten).toEqual([]);
});

test('every quoted sentence is long enough to be told from others, and there once', () => {
  const sentences = quoted();
  expect(sentences.length).toBeGreaterThan(20);
  expect(new Set(sentences).size).toBe(sentences.length);
  const vague = sentences.filter((sentence) => partsOf(sentence).every((part) => part.length < MIN_LENGTH));
  expect(vague).toEqual([]);
});

test('its links lead somewhere', () => {
  const headings = (file: string) =>
    [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
  const broken = [...page.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)].filter(([, to = '', anchor]) => {
    const file = to === '' ? pageFile : path.join(path.dirname(pageFile), to);
    return !existsSync(file) || (anchor !== undefined && !headings(file).includes(anchor));
  });
  expect(broken.map(([link]) => link)).toEqual([]);
});

/** As GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
