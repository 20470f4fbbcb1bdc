import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { UsageError } from '../oci/usage-error.ts';
import { importRegistryConfig } from './import-registry-config.ts';
import type { Environment } from './interpolate.ts';
import { parseConfig } from './parse-config.ts';

const ADDRESSES = [':5000', ':5001', 'localhost:5000', '127.0.0.1:5001', '0.0.0.0:80', '[::]:443', '/run/a$b.sock'];
const URLS = [
  'docker.io',
  'https://quay.io',
  'http://a:5000/b$c',
  'https://reg.example.com/a/${b}',
  'https://ghcr.io/',
];
const NAMES = ['http', 'addr', 'storage', 's3', 'auth', 'proxy', 'ttl', '__proto__', 'constructor', '${X}', '\u2028'];

/** Of the right form most of the time. */
function mostly(...values: readonly unknown[]): fc.Arbitrary<unknown> {
  const junk = fc.oneof(fc.constantFrom(...NAMES), fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }));
  return fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: junk });
}

function some(shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(shape, { requiredKeys: [] });
}

const REGISTRY = some({
  http: some({
    addr: mostly(...ADDRESSES),
    net: mostly('tcp', 'unix', ''),
    host: mostly('https://reg.example.com/$', ''),
    debug: some({ addr: mostly(...ADDRESSES), prometheus: mostly({ enabled: true }) }),
    tls: mostly({}, { key: 'k' }, null),
  }),
  storage: fc.oneof(
    mostly('filesystem', 's3', { inmemory: null }),
    some({
      filesystem: some({ rootdirectory: mostly('/a/$b', '/', 'c: # d', '"\'\t') }),
      delete: mostly({ enabled: true }),
    }),
  ),
  proxy: some({
    remoteurl: mostly(...URLS),
    username: mostly('ann', 'a$b', '', 5),
    password: mostly('x', ''),
    ttl: mostly('1h', 0, '1h30m', null),
    exec: some({ command: mostly('docker-credential-$x'), lifetime: mostly('1h', 0) }),
  }),
  auth: mostly(null, 'none', { htpasswd: { realm: 'x' } }),
  log: mostly({ level: 'info' }),
}).map((settings) => ({ version: 0.1, ...settings }));

test('whatever a file and variables hold, the result can be used or a sentence says why there is none', () => {
  const name = fc.array(fc.constantFrom(...NAMES.map((word) => word.toUpperCase())), { minLength: 1, maxLength: 3 });
  const variables = fc.array(fc.tuple(name, mostly(...ADDRESSES, ...URLS, '{s3: {b: 1}}', '1h')), { maxLength: 2 });
  const outcomes = { usable: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: REGISTRY }, fc.jsonValue()), variables, (value, pairs) => {
      const env = Object.fromEntries(pairs.map(([path, text]) => [`REGISTRY_${path.join('_')}`, String(text)]));
      outcomes[outcomeOf(stringify(value), env)] += 1;
    }),
    { numRuns: 500 },
  );
  expect(Math.min(outcomes.usable, outcomes.refused)).toBeGreaterThan(50);
});

test('any text is read or refused by a sentence', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(outcomeOf(text, {})).toBe('refused');
    }),
  );
});

/** Throws what is no sentence for a person, and what is said against a wharf.yaml of our own making. */
function outcomeOf(text: string, env: Environment): 'usable' | 'refused' {
  let yaml: string;
  try {
    yaml = importRegistryConfig({ text, file: 'config.yml', env }).yaml;
  } catch (error) {
    if (error instanceof UsageError) return 'refused';
    throw error;
  }
  const variables = { WHARF_PROXY_PASSWORD: 'x', ...env };
  parseConfig(yaml, { file: 'wharf.yaml', env: variables, resolvePath: (path) => path, readSecret: () => '' });
  return 'usable';
}
