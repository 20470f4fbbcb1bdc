// Whatever is said of mirrors, each file is one of its format, and holds what was said and no more.
import { parse as parseToml } from 'smol-toml';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientFile } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import { CLIENTS } from './clients.ts';
import { comment } from './comment.ts';
import { parseMirrorAddress } from './mirror-address.ts';
import { shellWord, tomlString } from './quoted.ts';
import { resolveClientSetup } from './resolve-client-setup.ts';

const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const host = fc
  .tuple(label, label, fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }))
  .map(([name, domain, port]) => `${name}.${domain}.example${port === undefined ? '' : `:${port}`}`);
const url = fc
  .tuple(fc.constantFrom('https', 'http'), host, fc.constantFrom('', '/v2/team'))
  .map(([scheme, at, path]) => `${scheme}://${at}${path}`);
const upstream = fc.constantFrom('docker.io', 'ghcr.io', 'registry.k8s.io', 'quay.io');
const mirror = fc.oneof(
  url,
  fc.tuple(upstream, url).map(([name, at]) => `${name}=${at}`),
);
/** Anything that may be a path: quotes, blanks, `$(…)`, other scripts. */
const caFile = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => `/${text}`);
const request = fc.record({
  mirrors: fc.array(mirror, { minLength: 1, maxLength: 4 }).map((mirrors) => ['https://always.example', ...mirrors]),
  caFile: fc.option(caFile, { nil: undefined }),
  needsMirror: fc.constant(true),
});

function unlessRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function valueOf({ format, text }: ClientFile): unknown {
  if (format === 'json') return JSON.parse(text);
  if (format === 'toml') return parseToml(text);
  return format === 'yaml' ? parseYaml(text, { strict: true }) : undefined;
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [key, ...textsIn(each)]);
}

const hostsOf = ({ upstreams }: ClientSetup) =>
  upstreams.flatMap(({ endpoints }) => endpoints.map((endpoint) => new URL(endpoint.url).host));

describe.each(Object.entries(CLIENTS).filter(([, { needsMirror }]) => needsMirror))('%s', (_, { generate }) => {
  test('every file parses, and the certificate is in it as one text, if at all', () => {
    fc.assert(
      fc.property(request, (given) => {
        const setup = unlessRefused(() => resolveClientSetup(given));
        const configuration = setup && unlessRefused(() => generate(setup, {}));
        for (const file of configuration?.files ?? []) {
          const texts = textsIn(valueOf(file));
          const ca = setup?.caFile;
          if (ca === undefined || ca.length < 4 || !file.text.includes(JSON.stringify(ca).slice(1, -1))) continue;
          if (['json', 'toml'].includes(file.format)) expect(texts).toContain(ca);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test.each(['containerd', 'k3s', 'podman', 'buildkit'] as const)('%s is told every mirror', (name) => {
  fc.assert(
    fc.property(request, (given) => {
      const setup = unlessRefused(() => resolveClientSetup(given));
      if (setup === undefined) return;
      const texts = CLIENTS[name].generate(setup, {}).files.flatMap((file) => textsIn(valueOf(file)));
      for (const each of hostsOf(setup)) expect(texts.some((text) => text.includes(each))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('a text in TOML is that text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseToml(`x = ${tomlString(text)}\n`)).toEqual({ x: text });
      expect(parseToml(`[${tomlString(text)}]\n`)).toEqual(Object.fromEntries([[text, {}]]));
    }),
  );
});

test('a word of the shell has no part that the shell reads', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const word = shellWord(text);
      expect(word.replaceAll(`'\\''`, '').replaceAll(/'[^']*'/g, '')).toMatch(/^[\w@%+=:,./-]*$/);
    }),
  );
});

test('a comment is nothing but comment', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[\w .,;]{0,200}$/)), (sentences) => {
      expect(comment('k3s', ...sentences)).toMatch(/^(?:#.*\n)+$/);
    }),
  );
});

test('an address that is accepted has nothing that any format gives a meaning to', () => {
  const hostile = fc.string({
    unit: fc.constantFrom(...'ab.:/v2@#?%"\'\\$`{}[]()<>;&|*= \n\t-_~é'.split('')),
    maxLength: 30,
  });
  fc.assert(
    fc.property(hostile, fc.constantFrom('', 'http://', 'https://', 'https://m.example/'), (text, prefix) => {
      const address = unlessRefused(() => parseMirrorAddress(prefix + text));
      if (address !== undefined) {
        expect(address).toMatch(
          /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?:\/[\w.~-]+)*$|^https?:\/\/\[[a-f0-9:]+\](?::\d+)?(?:\/[\w.~-]+)*$/,
        );
        expect(parseMirrorAddress(address)).toBe(address);
      }
    }),
    { numRuns: 2000 },
  );
});
