// docker's daemon.json. One value is exchanged within the text: how a person laid out the rest is theirs.
import type { ClientFile } from '../client-configuration.ts';
import { leftAsItIs } from './left-as-it-is.ts';
import { isSameValue } from './same-value.ts';

const KEY = 'registry-mirrors';

export function mergeDaemonJson(existing: string, { path, text }: ClientFile): string {
  const settings = parseObject(existing, path);
  const theirs = settings[KEY] ?? [];
  if (!isListOfTexts(theirs)) throw leftAsItIs(path, `${KEY} in it is no list of texts`);
  const ours = parseObject(text, path)[KEY] as readonly string[];
  const others = theirs.filter((url) => !ours.some((own) => isSameMirror(own, url)));
  const value = [...ours, ...others];
  if (isSameValue(value, theirs)) return existing;
  const merged = withMember(existing, value);
  if (isSameValue(parseObject(merged, path), { ...settings, [KEY]: value })) return merged;
  throw leftAsItIs(path, `${KEY} cannot be put into it; is a key in it twice?`);
}

function withMember(text: string, value: readonly string[]): string {
  const member = /^[ \t]+(?=")/m.exec(text);
  const indent = member?.[0] ?? '  ';
  const isOneLine = !text.trim().includes('\n') && text.trim() !== '{}';
  const written = isOneLine
    ? JSON.stringify(value)
    : JSON.stringify(value, undefined, indent).replaceAll('\n', `\n${indent}`);
  const span = spanOfMember(text);
  if (span !== undefined) return text.slice(0, span.start) + written + text.slice(span.end);
  const open = text.indexOf('{') + 1;
  const rest = text.slice(open);
  const isEmpty = rest.trimStart().startsWith('}');
  const start = isOneLine ? '' : `\n${indent}`;
  return `${text.slice(0, open)}${start}"${KEY}": ${written}${isEmpty ? `\n${rest.trimStart()}` : `,${isOneLine ? ' ' : ''}${rest}`}`;
}

/** Where the value is, in a text that is known to be a JSON object. */
function spanOfMember(text: string): { readonly start: number; readonly end: number } | undefined {
  const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
  let depth = 0;
  let before = '';
  let key: string | undefined;
  let start: number | undefined;
  let end = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [part] = match;
    if (start !== undefined && depth === 1 && (part === ',' || part === '}')) return { start, end };
    if (depth === 1 && (before === '{' || before === ',') && part.startsWith('"')) key = JSON.parse(part) as string;
    if (depth === 1 && before === ':' && key === KEY) start ??= match.index;
    if (part === '{' || part === '[') depth++;
    if (part === '}' || part === ']') depth--;
    before = part;
    end = token.lastIndex;
  }
  return undefined;
}

function parseObject(text: string, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw leftAsItIs(path, `it is no JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw leftAsItIs(path, 'it holds no JSON object');
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

// docker adds the slash itself.
function isSameMirror(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '');
}
