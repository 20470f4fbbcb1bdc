// Whatever is in a file: what comes out is one of its format, has all of ours and of theirs, and stays as it is when it is
// merged once more.
import fc from 'fast-check';
import { parse as parseToml, stringify as stringifyToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml, stringify as stringifyYaml } from 'yaml';
import { UsageError } from '../../oci/usage-error.ts';
import type { ClientFile } from '../client-configuration.ts';
import { CLIENTS } from '../clients.ts';
import { resolveClientSetup } from '../resolve-client-setup.ts';
import { merge } from './merge.ts';

const setup = resolveClientSetup({
  mirrors: ['https://ours.example', 'http://second.example'],
  caFile: '/ca.pem',
  needsMirror: true,
});
const [daemonJson] = CLIENTS.docker.generate(setup, {}).files;
const [registriesYaml] = CLIENTS.k3s.generate(setup, {}).files;
const [hubHosts, ghcrHosts] = CLIENTS.containerd.generate(setup, {}).files;
const containerdConfig = CLIENTS.containerd.generate(setup, {}).files.at(-1);
const [registriesConf] = CLIENTS.podman.generate(setup, {}).files;
const files = [daemonJson, registriesYaml, hubHosts, ghcrHosts, containerdConfig, registriesConf].filter(
  (file) => file !== undefined,
);

// No lone `"` beside a lone `\\`: as keys, V8's JSON.parse takes the one for the other after it has seen the other.
const word = fc.constantFrom(
  'a',
  'b c',
  'say "x"',
  '#',
  '[x]',
  "it's",
  'registry-mirrors',
  'host',
  '\\',
  'é',
  '= 1',
  '',
);
const scalar = fc.oneof(word, fc.boolean(), fc.integer({ min: -1000, max: 1000 }));
const plain = fc.dictionary(
  word,
  fc.oneof(scalar, fc.array(word, { maxLength: 3 }), fc.dictionary(word, scalar, { maxKeys: 2 })),
  { maxKeys: 3 },
);
const urls = fc.constantFrom(
  'https://ours.example',
  'https://ours.example/v2/ghcr.io',
  'https://theirs.example',
  'http://second.example',
);
const names = fc.constantFrom('docker.io', 'ghcr.io', 'reg.corp.example');

/** Undefined where it was refused, which it may be. */
function mergedTwice(existing: string, file: ClientFile): string | undefined {
  try {
    const merged = merge(existing, file);
    expect(merge(merged, file)).toBe(merged);
    return merged;
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return undefined;
  }
}

const merged = (existing: string, file: ClientFile | undefined) =>
  file === undefined ? undefined : mergedTwice(existing, file);

test('daemon.json keeps every other key, and has our mirrors first', () => {
  const settings = fc.tuple(plain, fc.option(fc.array(urls), { nil: undefined }), fc.constantFrom(0, 2, '\t', 8));
  fc.assert(
    fc.property(settings, ([others, mirrors, indent]) => {
      const existing = JSON.stringify({ ...others, 'registry-mirrors': mirrors }, undefined, indent);
      const result = JSON.parse(merged(existing, daemonJson) ?? '{}') as Record<string, unknown>;
      const { 'registry-mirrors': found, ...rest } = result;
      const { 'registry-mirrors': _, ...kept } = others;
      expect(rest).toEqual(kept);
      expect(Object.keys(rest)).toEqual(Object.keys(kept));
      const theirs = (mirrors ?? []).filter((url) => url !== 'https://ours.example' && url !== 'http://second.example');
      expect(found).toEqual(['https://ours.example', 'http://second.example', ...theirs]);
    }),
  );
});

test('registries.yaml keeps every other entry, and has our endpoints first', () => {
  const registries = fc.record({
    mirrors: fc.dictionary(names, fc.record({ endpoint: fc.array(urls) })),
    configs: fc.dictionary(
      fc.constantFrom('ours.example', 'theirs.example'),
      fc.record({ auth: fc.dictionary(word, word) }),
    ),
  });
  fc.assert(
    fc.property(registries, (existing) => {
      const result = parseYaml(merged(stringifyYaml(existing), registriesYaml) ?? '') as typeof existing;
      expect(result.mirrors['reg.corp.example']).toEqual(existing.mirrors['reg.corp.example']);
      expect(result.mirrors['docker.io']?.endpoint.slice(0, 2)).toEqual([
        'https://ours.example',
        'http://second.example',
      ]);
      for (const [host, { auth }] of Object.entries(existing.configs)) expect(result.configs[host]?.auth).toEqual(auth);
    }),
  );
});

test('hosts.toml keeps every other host, and has ours first', () => {
  const hosts = fc.dictionary(
    urls,
    fc.record({
      capabilities: fc.array(fc.constantFrom('pull', 'push')),
      header: fc.dictionary(word, word, { maxKeys: 2 }),
    }),
  );
  fc.assert(
    fc.property(hosts, fc.option(urls, { nil: undefined }), (host, server) => {
      const existing = stringifyToml({ ...(server !== undefined && { server }), host });
      const result = parseToml(merged(existing, ghcrHosts) ?? '') as { host: typeof host; server: string };
      expect(result.server).toBe(server ?? 'https://ghcr.io');
      expect(Object.keys(result.host).slice(0, 2)).toEqual([
        'https://ours.example/v2/ghcr.io',
        'http://second.example/v2/ghcr.io',
      ]);
      for (const [url, { header }] of Object.entries(host)) expect(result.host[url]?.header).toEqual(header);
      expect(result.host['https://theirs.example']).toEqual(host['https://theirs.example']);
    }),
  );
});

test('a drop-in keeps every other registry, and has our mirrors first', () => {
  const mirror = fc.uniqueArray(fc.constantFrom('ours.example', 'theirs.example', 'ours.example/ghcr.io'), {
    maxLength: 3,
  });
  const registries = fc.uniqueArray(fc.record({ prefix: names, blocked: fc.boolean(), mirror }), {
    selector: ({ prefix }) => prefix,
  });
  fc.assert(
    fc.property(registries, fc.dictionary(fc.constantFrom('nginx', 'redis'), word), (given, aliases) => {
      const registry = given.map(({ mirror: locations, ...each }) => {
        return { ...each, ...(locations.length > 0 && { mirror: locations.map((location) => ({ location })) }) };
      });
      // An empty list is no table that could be added to.
      const existing = stringifyToml({ ...(registry.length > 0 && { registry }), aliases });
      const result = parseToml(merged(existing, registriesConf) ?? '') as {
        registry?: typeof registry;
        aliases: unknown;
      };
      const found = (name: string) => result.registry?.find(({ prefix }) => prefix === name);
      expect(result.aliases).toEqual(aliases);
      expect(found('docker.io')?.mirror?.slice(0, 2)).toEqual([
        { location: 'ours.example' },
        { location: 'second.example', insecure: true },
      ]);
      for (const { prefix, blocked } of registry) expect(found(prefix)?.blocked).toBe(blocked);
    }),
  );
});

describe.each(files)('$path', (file) => {
  const line = fc.constantFrom(
    ...file.text.split('\n'),
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    '[[registry]]',
    '[host]',
    'version = 2',
    'mirrors:',
    '  - x',
    '# note',
    '"""',
    '  endpoint: []',
    '&a *a',
    '\r',
    '\u0000',
  );

  test('whatever the lines are, it is refused in a sentence, or merged so that a second time changes nothing', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        mergedTwice(lines.join('\n'), file);
      }),
      { numRuns: 300 },
    );
  });

  test('ours with lines of somebody between them is refused or merged as well', () => {
    fc.assert(
      fc.property(fc.nat(), line, (at, inserted) => {
        const lines = file.text.split('\n');
        mergedTwice(lines.toSpliced(at % lines.length, 0, inserted).join('\n'), file);
      }),
    );
  });
});
