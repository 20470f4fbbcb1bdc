// containerd's hosts.toml. Hosts are asked in the order of the file, so ours are put before theirs.
import { stringify } from 'smol-toml';
import type { ClientFile } from '../client-configuration.ts';
import { tomlString } from '../quoted.ts';
import { leftAsItIs } from './left-as-it-is.ts';
import { isSameValue } from './same-value.ts';
import { cutToml, isTable, joinToml, meansToml, newBlock, parseToml, type Toml, type TomlBlock } from './toml-text.ts';

export function mergeHostsToml(existing: string, { path, text }: ClientFile): string {
  const theirs = parseToml(existing, path);
  const ours = parseToml(text, path);
  const their = hostsOf(theirs, path);
  const our = hostsOf(ours, path);
  const [top = { path: [], text: '' }, ...blocks] = cutToml(existing);
  const merged = Object.entries(our).flatMap(([url, settings]) => {
    const own = blocks.filter((block) => isOfHost(block, url));
    return mergedHost(url, settings, their[url], own);
  });
  const others = blocks.filter((block) => Object.keys(our).every((url) => !isOfHost(block, url)));
  const server = theirs['server'] ?? ours['server'];
  const expected = { ...theirs, ...(server !== undefined && { server }), host: { ...their, ...withOur(their, our) } };
  const result = joinToml([withServer(top, theirs['server'] === undefined ? server : undefined), ...merged, ...others]);
  if (meansToml(result, expected) && isFirst(Object.keys(our), parseToml(result, path))) return result;
  throw leftAsItIs(path, 'its hosts are not written as tables of their own, such as [host."https://mirror.example"]');
}

function hostsOf(toml: Toml, path: string): Readonly<Record<string, Toml>> {
  const { host = {}, server } = toml;
  if (server !== undefined && typeof server !== 'string') throw leftAsItIs(path, 'server in it is no text');
  if (!isTable(host)) throw leftAsItIs(path, 'host in it is no table');
  const odd = Object.entries(host).find(([, settings]) => !isTable(settings));
  if (odd !== undefined) throw leftAsItIs(path, `host.${tomlString(odd[0])} in it is no table`);
  return host as Readonly<Record<string, Toml>>;
}

function isOfHost({ path }: TomlBlock, url: string): boolean {
  return path[0] === 'host' && path[1] === url;
}

/** Their block as it is where it says what ours does; else one with their other settings, and their tables below it. */
function mergedHost(
  url: string,
  ours: Toml,
  theirs: Toml | undefined,
  blocks: readonly TomlBlock[],
): readonly TomlBlock[] {
  if (theirs !== undefined && isSameValue({ ...theirs, ...ours }, theirs) && blocks.length > 0) return blocks;
  const below = blocks.filter((block) => block.path.length > 2);
  const settings = Object.fromEntries(Object.entries({ ...theirs, ...ours }).filter(([, value]) => !isTable(value)));
  const lines = stringify(settings).trimEnd().split('\n');
  const text = [`[host.${tomlString(url)}]`, ...lines.map((line) => `  ${line}`)].join('\n');
  return [newBlock(['host', url], text), ...below.map((block) => newBlock(block.path, block.text))];
}

function withOur(their: Readonly<Record<string, Toml>>, our: Readonly<Record<string, Toml>>): Record<string, Toml> {
  return Object.fromEntries(Object.entries(our).map(([url, settings]) => [url, { ...their[url], ...settings }]));
}

function withServer(top: TomlBlock, server: unknown): TomlBlock {
  return typeof server === 'string' ? { ...top, text: `${top.text}server = ${tomlString(server)}\n` } : top;
}

function isFirst(urls: readonly string[], { host = {} }: Toml): boolean {
  return isTable(host) && isSameValue(Object.keys(host).slice(0, urls.length), urls);
}
