import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDocument, visit } from 'yaml';
import { UsageError } from '../oci/usage-error.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './interpolate.ts';
import { parseConfig } from './parse-config.ts';

function errorOf(text: string, env: Environment = {}): ConfigError | undefined {
  try {
    parseConfig(text, {
      file: 'wharf.yaml',
      env,
      resolvePath: (path) => path,
      readSecret: () => {
        throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      },
    });
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** Ten lines of YAML that mean a thousand million values. */
const LAUGHTER = Array.from({ length: 10 }, (_, level) => {
  const item = level === 0 ? 'x' : `*a${level - 1}`;
  return `a${level}: &a${level} [${Array.from({ length: 10 }, () => item).join(', ')}]`;
}).join('\n');

const JOB = 'name: a, catalog: { images: [x] }';

const BAD: [text: string, message: string][] = [
  // What is no YAML, or too much of it.
  ['a: [1', '1:6: this is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ['a: "hunter2', '1:12: this is not YAML: Missing closing "quote'],
  ['a: {b: 1} hunter2', '1:11: this is not YAML: Unexpected scalar at node end'],
  ['a: !secret x', '1:4: this is not YAML: Unresolved tag: !secret'],
  ['a: 1\n---\nb: 1', '2:1: this is not YAML: Source contains multiple documents; please use YAML.parseAllDocuments()'],
  ['['.repeat(20_000), '1:1: the file is nested too deeply'],
  [LAUGHTER, '1:1: the file holds too much, or an alias that contains itself'],
  [
    `a: &a ${'x'.repeat(1000)}\nb: [${'*a, '.repeat(2000)}]`,
    '1:1: the file holds too much, or an alias that contains itself',
  ],
  ['a: &a [*a]', '1:1: the file holds too much, or an alias that contains itself'],
  [' '.repeat(1024 * 1024 + 1), '1:1: the file is larger than 1 MiB'],
  ['data: *x', '1:7: at data: there is no anchor &x above this alias'],
  ['data: a\nlisten: ":1"\ndata: b', '3:1: at data: the key is given twice; remove one'],
  ['__proto__: { data: x }', '1:1: at __proto__: there is no such key'],
  // The wrong kind of thing.
  ['5', '1:1: expected a map of settings, found 5'],
  ['[]', '1:1: expected a map of settings, found an empty list'],
  ['sync:', '1:6: at sync: expected a list of jobs, found nothing'],
  ['sync: { name: a }', '1:7: at sync: expected a list of jobs, found a map with name'],
  ['data: 5', '1:7: at data: expected a path, found 5'],
  ['serverNames: a.example', '1:14: at serverNames: expected a list of host names, found "a.example"'],
  // Keys.
  ['upstream: {}', '1:1: at upstream: there is no such key; did you mean "upstreams"?'],
  ['cache: { size: 1GiB }', '1:10: at cache.size: there is no such key; the keys here are maxSize, maxIdle, maxAge'],
  [
    'upstreams: { docker.io: { credentials: { username: u, passwrd: hunter2 } } }',
    '1:55: at upstreams["docker.io"].credentials.passwrd: there is no such key; did you mean "password"?',
  ],
  // Values.
  [
    'cache: { maxSize: 200 }',
    '1:19: at cache.maxSize: expected a size such as 200GiB or 500MB, or unlimited, found 200',
  ],
  [
    'cache: { maxIdle: 1 month }',
    '1:19: at cache.maxIdle: expected a duration such as 12h or 30d, or never, found "1 month"',
  ],
  [
    'listen: 5000',
    '1:9: at listen: expected an address to listen on, such as 127.0.0.1:5000, or a list of them, found 5000',
  ],
  ['listen: []', '1:9: at listen: expected at least one address, found an empty list'],
  [
    'listen: [":80", "x"]',
    '1:17: at listen[1]: expected an address to listen on, such as 127.0.0.1:5000, [::1]:5000, :5000 or unix:/run/wharf.sock, found "x"',
  ],
  [
    'trustedProxies: [10.0.0.0/33]',
    '1:18: at trustedProxies[0]: expected an IP address or a range such as 10.0.0.0/8, found "10.0.0.0/33"',
  ],
  [
    '{ trustedProxies: [127.0.0.1], accelRedirect: /_blobs/ }',
    '1:47: at accelRedirect: expected a path of nginx such as /_blobs, found "/_blobs/"',
  ],
  [
    'accelRedirect: /_blobs',
    '1:16: at accelRedirect: this is for a proxy whose address is listed under trustedProxies, and none is',
  ],
  [
    'externalUrl: mirror.example.com',
    '1:14: at externalUrl: expected a URL such as https://example.com, without a user or a query, found "mirror.example.com"',
  ],
  [
    'hosted: ["Team/**"]',
    '1:10: at hosted[0]: expected a pattern of repositories such as library/** (in quotes, if it begins with a star), found "Team/**"',
  ],
  ['upstreams: { docker.io: 5 }', '1:25: at upstreams["docker.io"]: expected a map, or off, found 5'],
  [
    'upstreams: { docker.io: { reserve: -1 } }',
    '1:36: at upstreams["docker.io"].reserve: expected a whole number, found -1',
  ],
  [
    'upstreams: { docker.io: { public: yes } }',
    '1:35: at upstreams["docker.io"].public: expected true or false, found "yes"',
  ],
  [
    'upstreams: { docker.io: { rate: fast } }',
    '1:33: at upstreams["docker.io"].rate: expected a rate such as 10/s or 600/m, found "fast"',
  ],
  [
    'upstreams: { docker.io: { repository: "{repo}" } }',
    '1:39: at upstreams["docker.io"].repository: expected a template of {repository}, {name}, {tag} and {upstream}, such as "mirror/{repository}", found "{repo}"',
  ],
  [
    'upstreams: { docker.io: { mirrors: [{}] } }',
    '1:37: at upstreams["docker.io"].mirrors[0].url: expected a registry such as https://registry.example.com, found nothing',
  ],
  [
    'upstreams: { docker.io: { mirrors: [{ url: m.io, for: [tags] }] } }',
    '1:56: at upstreams["docker.io"].mirrors[0].for[0]: expected manifests or blobs, found "tags"',
  ],
  [
    `sync: [{ ${JOB}, to: stor }]`,
    '1:49: at sync[0].to: expected store, a registry such as registry.example.com/team/, or a map with a url, found "stor"',
  ],
  [
    `sync: [{ ${JOB}, to: 5 }]`,
    '1:49: at sync[0].to: expected store, a registry, a map with a url, or a list of these, found 5',
  ],
  [`sync: [{ ${JOB}, to: [] }]`, '1:49: at sync[0].to: expected at least one target, found an empty list'],
  [
    `sync: [{ ${JOB}, to: [{ repository: x }] }]`,
    '1:50: at sync[0].to[0].url: expected a registry such as https://registry.example.com, found nothing',
  ],
  [
    `sync: [{ ${JOB}, platforms: [arm64] }]`,
    '1:57: at sync[0].platforms[0]: expected a platform such as linux/arm64, found "arm64"',
  ],
  [
    `sync: [{ ${JOB}, schedule: hourly }]`,
    '1:55: at sync[0].schedule: expected five cron fields such as "17 */6 * * *", found "hourly"',
  ],
  [
    `sync: [{ ${JOB}, schedule: "0 0 * * *", timeZone: Berlin }]`,
    '1:78: at sync[0].timeZone: expected a time zone such as Europe/Berlin or UTC, found "Berlin"',
  ],
  [
    'notify: [{ url: ftp://hooks.example.com, secret: x }]',
    '1:17: at notify[0].url: expected a URL such as https://example.com/hook, without a user, found a value that is not shown here',
  ],
  [
    'notify: [{ url: https://hooks.example.com, secret: x, on: [success] }]',
    '1:60: at notify[0].on[0]: expected finished, failed, deferred or lie, found "success"',
  ],
  [
    `sync: [{ ${JOB}, include: [{ fil: x }] }]`,
    '1:55: at sync[0].include[0].file: expected a path, found nothing\nwharf.yaml:1:57: at sync[0].include[0].fil: there is no such key; did you mean "file"?',
  ],
  [
    'sync: [{ name: a, catalog: { file: x, images: [x] } }]',
    '1:28: at sync[0].catalog: expected exactly one of officialImages, hub, file, images and registry, found a map with file, images',
  ],
  [
    'sync: [{ name: a, catalog: { images: ["NGINX"] } }]',
    '1:39: at sync[0].catalog.images[0]: expected an image such as nginx:1.27, found "NGINX"',
  ],
  // What is wrong only as a whole.
  [
    'admin: 127.0.0.1:5000',
    '1:8: at admin: this is where the registry listens; the console needs an address of its own',
  ],
  [
    'defaultUpstream: gcr',
    '1:18: at defaultUpstream: expected none or the name of an upstream (there are docker.io, ghcr.io, quay.io, gcr.io, registry.k8s.io, mcr.microsoft.com), found "gcr"',
  ],
  [
    'upstreams: {}\ndefaultUpstream: docker.io',
    '2:18: at defaultUpstream: expected none or the name of an upstream (there is none), found "docker.io"',
  ],
  [
    'hosted: [a/**, docker.io/x]',
    '1:16: at hosted[1]: a pattern of hosted repositories cannot begin with the name of an upstream',
  ],
  [
    'hosted: [hub/x]\nupstreams: { docker.io: { path: hub } }',
    '1:10: at hosted[0]: a pattern of hosted repositories cannot begin with the name of an upstream',
  ],
  [
    'upstreams: { my_registry: {} }',
    "1:14: at upstreams.my_registry: this is not a registry's name; write one as references have it, such as ghcr.io",
  ],
  [
    'upstreams: { registry: {} }',
    '1:24: at upstreams.registry: expected a map with a url, because "registry" is not a host name, found an empty map',
  ],
  [
    'upstreams: { gchr.io: off }',
    '1:14: at upstreams["gchr.io"]: only a built-in upstream can be switched off; did you mean "ghcr.io"?',
  ],
  [
    'upstreams: { ghcr.io: { hosts: [a.example] }, quay.io: { hosts: [A.example] } }',
    '1:66: at upstreams["quay.io"].hosts[0]: this means the upstream ghcr.io already',
  ],
  [
    'upstreams: { ghcr.io: { path: quay.io } }',
    '1:31: at upstreams["ghcr.io"].path: this means the upstream quay.io already',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { password: hunter2 } } }',
    '1:38: at upstreams["ghcr.io"].credentials: there is a password without a username; give both, or neither for anonymous access',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { username: u } } }',
    '1:38: at upstreams["ghcr.io"].credentials: there is a username without a password; give both, or neither for anonymous access',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { username: u, password: hunter2, passwordFile: f } } }',
    '1:72: at upstreams["ghcr.io"].credentials.passwordFile: there is a password as well; keep one of the two',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { username: u, passwordFile: f } } }',
    '1:67: at upstreams["ghcr.io"].credentials.passwordFile: the file cannot be read (ENOENT)',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { password: hunter2, exec: [a] } } }',
    '1:59: at upstreams["ghcr.io"].credentials.exec: there is a password as well; keep one of the two',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { passwordFile: hunter2, exec: [a] } } }',
    '1:63: at upstreams["ghcr.io"].credentials.exec: there is a password as well; keep one of the two',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { exec: [] } } }',
    '1:46: at upstreams["ghcr.io"].credentials.exec: there is no command; write it with its arguments, such as [docker-credential-ecr-login]',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { exec: ["", hunter2] } } }',
    '1:46: at upstreams["ghcr.io"].credentials.exec: there is no command; write it with its arguments, such as [docker-credential-ecr-login]',
  ],
  [
    'upstreams: { ghcr.io: { credentials: { username: u, password: hunter2, lifetime: 1h } } }',
    '1:72: at upstreams["ghcr.io"].credentials.lifetime: there is no exec, and only its logins have a lifetime; remove it',
  ],
  [`sync: [{ ${JOB} }, { ${JOB} }]`, '1:55: at sync[1].name: another job has this name; give each its own'],
  [
    `sync: [{ ${JOB}, from: ghrc.io }]`,
    '1:51: at sync[0].from: expected the name of an upstream (did you mean "ghcr.io"?), found "ghrc.io"',
  ],
  [
    `upstreams: {}\nsync: [{ ${JOB} }]`,
    '2:8: at sync[0].from: expected the name of an upstream (there is none), found nothing',
  ],
  [
    'sync: [{ name: a, from: quay.io, catalog: { hub: { namespace: x } } }]',
    '1:45: at sync[0].catalog.hub: the upstream quay.io has no hubApi, which this catalog needs',
  ],
  [
    `sync: [{ ${JOB}, schedule: "0 0 31 2 *" }]`,
    '1:55: at sync[0].schedule: there is no such day in any year, so the job would never run',
  ],
  [
    `sync: [{ ${JOB}, schedule: "61 * * * *" }]`,
    '1:55: at sync[0].schedule: expected five cron fields such as "17 */6 * * *" (the minute cannot be read), found "61 * * * *"',
  ],
  [
    'notify: [{ url: https://hooks.example.com }]',
    '1:10: at notify[0]: there is no secret to sign with; give secret or secretFile',
  ],
  [
    'notify: [{ url: https://hooks.example.com, secret: hunter2, secretFile: f }]',
    '1:61: at notify[0].secretFile: there is a secret as well; keep one of the two',
  ],
  [
    `sync: [{ ${JOB}, state: target }]`,
    '1:52: at sync[0].state: the store keeps no state for others; write data, or add a registry to "to"',
  ],
  [
    `sync: [{ ${JOB}, to: r.example, state: target, prune: 30d }]`,
    '1:82: at sync[0].prune: what is deleted cannot be left to a state that others may change; write never',
  ],
];

test.each(BAD.map(([text, message]) => ({ text, message })))('$message', ({ text, message }) => {
  expect(errorOf(text)?.message).toBe(`wharf.yaml:${message}`);
});

test('all problems are listed, in the order of the file, and are for the user', () => {
  const text = [
    'cache: { maxAge: old }',
    'upstreams:',
    '  docker.io: { credentials: { username: "${NOPE}", password: "${NEITHER}" }, frshFor: 1m }',
    'data: a',
    'data: b',
  ].join('\n');
  const error = errorOf(text);
  expect(error).toBeInstanceOf(UsageError);
  expect(error?.message.split('\n')).toEqual([
    'wharf.yaml:1:18: at cache.maxAge: expected a duration such as 12h or 30d, or never, found "old"',
    'wharf.yaml:3:42: at upstreams["docker.io"].credentials.username: the environment variable NOPE is not set; set it, or write ${NOPE:-} if it may be absent',
    'wharf.yaml:3:63: at upstreams["docker.io"].credentials.password: the environment variable NEITHER is not set; set it, or write ${NEITHER:-} if it may be absent',
    'wharf.yaml:3:78: at upstreams["docker.io"].frshFor: there is no such key; did you mean "freshFor"?',
    'wharf.yaml:5:1: at data: the key is given twice; remove one',
  ]);
});

test('a long list of problems is cut', () => {
  const error = errorOf(`hosted: [${Array.from({ length: 100 }, () => 'A').join(', ')}]`);
  expect(error?.problems).toHaveLength(100);
  expect(error?.message.split('\n')).toHaveLength(21);
  expect(error?.message).toMatch(/\nand 80 more$/);
});

test('whatever is in the file, the only error is a ConfigError', async () => {
  const example = await readFile(new URL('../../test/golden/config/example.yaml', import.meta.url), 'utf8');
  const position = fc.nat(example.length);
  fc.assert(
    fc.property(position, position, fc.string(), (start, end, text) => {
      errorOf(example.slice(0, start) + text + example.slice(end));
      errorOf(text);
    }),
  );
});

describe('an error shows what is written in the file, and no secret', () => {
  test('the text of a variable, not its value', () => {
    const error = errorOf('externalUrl: "ftp://${HOST}"', { HOST: 'internal.example' });
    expect(error?.message).toMatch(/found "ftp:\/\/\$\{HOST\}"$/);
  });

  test.each([
    'upstreams: { docker.io: { credentials: { password: "hunter2\\n" } } }',
    'upstreams: { docker.io: { credentials: hunter2 } }',
    'notify: [{ url: "ftp://hooks.example.com/hunter2", secret: [hunter2] }]',
    'notify: [{ url: https://hooks.example.com, secret: "hunter2\\n" }]',
    'upstreams: { docker.io: { credentials: [hunter2] } }',
    'upstreams: { docker.io: { credentials: { username: { hunter2: 1 }, password: [hunter2] } } }',
    'upstreams: { docker.io: { proxy: "ftp://ann:hunter2@proxy:1" } }',
    'upstreams: { docker.io: { proxy: "ann:hunter2@proxy:1" } }',
    'upstreams: { docker.io: { url: "https://ann:hunter2/@reg.example.com" } }',
    'upstreams: { docker.io: { credentials: { username: u, password: hunter2, passwordFile: hunter2 } } }',
    'upstreams: { docker.io: { credentials: { username: u, password: { ${hunter2} } } } }',
    'upstreams: { docker.io: { credentials: { exec: hunter2 } } }',
    'upstreams: { docker.io: { credentials: { exec: [echo, "hunter2\\n"] } } }',
    'upstreams: { docker.io: { credentials: { exec: ["", hunter2], lifetime: hunter2 } } }',
  ])('%s', (text) => {
    expect(errorOf(text)?.message).toBeDefined();
    expect(errorOf(text)?.message).not.toContain('hunter2');
  });

  test('whichever value of the example comes from a variable with a wrong value', async () => {
    const example = await readFile(new URL('../../test/golden/config/example.yaml', import.meta.url), 'utf8');
    const scalars: number[] = [];
    visit(parseDocument(example), {
      Scalar: (key, node) => void (key !== 'key' && scalars.push(node.range?.[0] ?? 0)),
    });
    let errors = 0;
    for (const offset of scalars) {
      const document = parseDocument(example);
      visit(document, {
        Scalar: (_, node) => {
          if (node.range?.[0] === offset) node.value = '${LEAK}';
        },
      });
      for (const value of ['hunter2', 'hunter2:hunter2', '{hunter2}', 'HUNTER2\n', ' hunter2', 'http://hunter2@x']) {
        const message = errorOf(String(document), { LEAK: value })?.message;
        if (message !== undefined) errors += 1;
        expect(message ?? '').not.toMatch(/hunter2/i);
      }
    }
    expect(scalars.length).toBeGreaterThan(40);
    expect(errors).toBeGreaterThan(100);
  });
});
