// containerd's config.toml: one setting, which says where the hosts.toml files are.
import type { ClientFile } from '../client-configuration.ts';
import { tomlString } from '../quoted.ts';
import { leftAsItIs } from './left-as-it-is.ts';
import { isSameValue } from './same-value.ts';
import { cutToml, isTable, joinToml, meansToml, parseToml, type Toml } from './toml-text.ts';

const PLUGINS: ReadonlyMap<unknown, string> = new Map([
  [2, 'io.containerd.grpc.v1.cri'],
  [3, 'io.containerd.cri.v1.images'],
]);

export function mergeContainerdConfig(existing: string, { path, text }: ClientFile): string {
  const theirs = parseToml(existing, path);
  if (Object.keys(theirs).length === 0) return `${existing.trimEnd()}\n\n${text}`;
  // As docker's packages have it. Without CRI nothing reads the setting.
  const disabled = theirs['disabled_plugins'];
  if (Array.isArray(disabled) && (disabled as unknown[]).some((name) => name === 'cri' || name === PLUGINS.get(2)))
    return existing;
  const plugin = PLUGINS.get(theirs['version']);
  if (plugin === undefined) {
    throw leftAsItIs(path, 'its version is neither 2 nor 3; containerd config migrate prints it in the newest one');
  }
  const way = ['plugins', plugin, 'registry'];
  const registry = tableAt(theirs, way, path);
  checkHasNoMirrors(registry, path);
  const known = registry['config_path'] ?? '';
  if (typeof known !== 'string') throw leftAsItIs(path, 'config_path in it is no text');
  const ours = ourFolders(text, path);
  const [folder = ''] = ours.split(':');
  if (known.split(':').includes(folder)) return existing;
  if (known !== '')
    throw leftAsItIs(path, `its config_path is ${known}: put the hosts.toml files there, or name ${folder} in it`);
  const merged = withSetting(existing, way, `config_path = ${tomlString(ours)}`);
  const isRight = meansToml(merged, withValue(theirs, [...way, 'config_path'], ours));
  if (isRight) return merged;
  throw leftAsItIs(path, `[plugins.${tomlString(plugin)}.registry] in it is not written as a table of its own`);
}

function ourFolders(text: string, path: string): string {
  const ours = parseToml(text, path);
  const plugin = PLUGINS.get(ours['version']) ?? '';
  return String(tableAt(ours, ['plugins', plugin, 'registry'], path)['config_path']);
}

function tableAt(toml: Toml, way: readonly string[], path: string): Toml {
  let table = toml;
  for (const key of way) {
    const next = table[key] ?? {};
    if (!isTable(next)) throw leftAsItIs(path, `${key} in it is no table`);
    table = next;
  }
  return table;
}

// containerd refuses both ways at once.
function checkHasNoMirrors({ mirrors = {}, configs = {} }: Toml, path: string): void {
  const hasTls = isTable(configs) && Object.values(configs).some((config) => isTable(config) && 'tls' in config);
  if (!isTable(mirrors) || Object.keys(mirrors).length > 0 || hasTls) {
    throw leftAsItIs(
      path,
      'registry.mirrors and registry.configs in it cannot go together with config_path; move them into hosts.toml files',
    );
  }
}

function withSetting(text: string, way: readonly string[], line: string): string {
  const blocks = cutToml(text);
  const index = blocks.findIndex((block) => isSameValue(block.path, way));
  const block = blocks[index];
  if (block === undefined) {
    const [, plugin = ''] = way;
    return `${joinToml(blocks)}\n[plugins.${tomlString(plugin)}.registry]\n  ${line}\n`;
  }
  const setting = /^([ \t]*)config_path[ \t]*=.*$/m;
  const changed = setting.test(block.text)
    ? block.text.replace(setting, (_, indent: string) => indent + line)
    : block.text.replace(/^([ \t]*)\[.*$/m, (header, indent: string) => `${header}\n${indent}  ${line}`);
  return joinToml(blocks.with(index, { ...block, text: changed }));
}

function withValue(toml: Toml, [key = '', ...rest]: readonly string[], value: unknown): Toml {
  const inner = toml[key];
  return { ...toml, [key]: rest.length === 0 ? value : withValue(isTable(inner) ? inner : {}, rest, value) };
}
