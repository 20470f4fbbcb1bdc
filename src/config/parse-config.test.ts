import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Config, UpstreamConfig } from './config.ts';
import { defaultConfig } from './default-config.ts';
import { parseConfig } from './parse-config.ts';

const FILES: Record<string, string> = { '/etc/wharf/secret': 's3cret\n', '/run/two-lines': 'a\nb\r\n' };

const OPTIONS = {
  file: 'wharf.yaml',
  env: { USER: 'ann', PASSWORD: 'pa$$', EMPTY: '', RESERVE: '20', YES: 'true' },
  resolvePath: (path: string) => (path.startsWith('/') ? path : `/etc/wharf/${path}`),
  readSecret: (path: string) => FILES[path] ?? fail(path),
};

function fail(path: string): never {
  throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
}

function parse(text: string): Config {
  return parseConfig(text, OPTIONS);
}

function upstream(text: string, name = 'docker.io'): UpstreamConfig {
  return parse(text).upstreams.get(name)!;
}

const JOB = 'name: a, catalog: { images: [nginx] }';

function job(settings: string) {
  return parse(`sync: [{ ${JOB}, ${settings} }]`).sync[0]!;
}

/** Maps and Infinity, which JSON does not have, as what they stand for. */
function readable(config: Config): string {
  const replacer = (_: string, value: unknown) => {
    if (value instanceof Map) return Object.fromEntries(value);
    return value === Infinity ? 'Infinity' : value;
  };
  return `${JSON.stringify(config, replacer, 2)}\n`;
}

describe('the whole', () => {
  test('the complete example is read as it is documented', async () => {
    const example = await readFile(new URL('../../test/golden/config/example.yaml', import.meta.url), 'utf8');
    await expect(readable(parse(example))).toMatchFileSnapshot('../../test/golden/config/example.json');
  });

  test('without a file the built-in upstreams are cached for this machine', async () => {
    await expect(readable(defaultConfig(OPTIONS))).toMatchFileSnapshot('../../test/golden/config/default.json');
  });

  test.each(['', '# nothing yet\n', '{}'])('the empty file %j is the defaults', (text) => {
    expect(parse(text)).toEqual(defaultConfig(OPTIONS));
  });

  test('JSON is read as well', () => {
    expect(parse('{"listen": ":80", "data": "/srv"}')).toMatchObject({
      listen: [{ kind: 'tcp', port: 80 }],
      dataFolder: '/srv',
    });
  });

  test('an anchor can be used again', () => {
    const config = parse('upstreams:\n  a.io: &login { credentials: { username: u, password: p } }\n  b.io: *login\n');
    expect(config.upstreams.get('b.io')?.credentials).toEqual({ username: 'u', password: 'p' });
  });
});

describe('variables', () => {
  test('numbers and claims may come from the environment', () => {
    const text = 'upstreams: { docker.io: { reserve: "${RESERVE}", public: "${YES}", insecure: "${NO:-false}" } }';
    expect(upstream(text)).toMatchObject({ reservedPulls: 20, public: true, insecure: false });
  });

  test('what comes from the environment is not read again', () => {
    const text = 'upstreams: { docker.io: { credentials: { username: "${USER}", password: "${PASSWORD}" } } }';
    expect(upstream(text).credentials).toEqual({ username: 'ann', password: 'pa$$' });
  });
});

describe('upstreams', () => {
  test('are the built-in six when the file names none', () => {
    const names = ['docker.io', 'ghcr.io', 'quay.io', 'gcr.io', 'registry.k8s.io', 'mcr.microsoft.com'];
    expect([...parse('listen: ":80"').upstreams.keys()]).toEqual(names);
  });

  test('merge with the built-in ones, and off removes one', () => {
    const { upstreams } = parse(
      'upstreams: { ghcr.io: off, quay.io: false, reg.example.com: , docker.io: { freshFor: 0s } }',
    );
    expect([...upstreams.keys()]).toEqual([
      'docker.io',
      'gcr.io',
      'registry.k8s.io',
      'mcr.microsoft.com',
      'reg.example.com',
    ]);
    expect(upstreams.get('reg.example.com')?.url).toBe('https://reg.example.com');
    expect(upstreams.get('docker.io')).toMatchObject({ url: 'https://registry-1.docker.io', freshForMs: 0 });
  });

  test('are none when the file says so, and then nothing is the default', () => {
    const config = parse('upstreams: {}\nhosted: ["**"]');
    expect(config.upstreams.size).toBe(0);
    expect(config.defaultUpstream).toBeUndefined();
  });

  test("Docker's token server and web API stay behind when docker.io moves to another registry", () => {
    const moved = 'upstreams: { docker.io: { url: https://m.daocloud.io, repository: "docker.io/{repository}" } }';
    expect(upstream(moved)).toMatchObject({ url: 'https://m.daocloud.io', realms: [], hubApi: undefined });
    expect(upstream('')).toMatchObject({ realms: ['https://auth.docker.io/token'], hubApi: 'https://hub.docker.com' });
    expect(upstream('upstreams: { docker.io: { hubApi: off } }').hubApi).toBeUndefined();
  });

  test('a configured realm is added to the built-in one', () => {
    const { realms } = upstream('upstreams: { docker.io: { realms: ["https://auth.example.com/token"] } }');
    expect(realms).toEqual(['https://auth.docker.io/token', 'https://auth.example.com/token']);
  });

  test('hosts are compared in lower case, and a port alone is one', () => {
    expect(upstream('upstreams: { docker.io: { hosts: [Docker.Example, ":5002"] } }').hosts).toEqual([
      'docker.example',
      ':5002',
    ]);
  });

  test.each([
    ['http://127.0.0.1:7890', 'http://127.0.0.1:7890'],
    ['socks5://u:p@proxy:1080/', 'socks5://u:p@proxy:1080'],
    ['direct', 'direct'],
  ])('the proxy %s', (text, proxy) => {
    expect(upstream(`upstreams: { docker.io: { proxy: "${text}" } }`).proxy).toBe(proxy);
  });

  test('the default can be another one, or none', () => {
    expect(parse('defaultUpstream: quay.io').defaultUpstream).toBe('quay.io');
    expect(parse('defaultUpstream: none').defaultUpstream).toBeUndefined();
  });
});

describe('credentials', () => {
  const credentials = (text: string) => upstream(`upstreams: { docker.io: { credentials: { ${text} } } }`).credentials;

  test('are not set when the file has none', () => {
    expect(upstream('').credentials).toBeUndefined();
  });

  test('with neither user nor password mean anonymous', () => {
    expect(credentials('username: "${NOPE:-}", password: "${NOPE:-}", passwordFile: ""')).toBe('anonymous');
  });

  test('may have the password in a file, whose last line end is not part of it', () => {
    expect(credentials('username: u, passwordFile: secret')).toEqual({ username: 'u', password: 's3cret' });
    expect(credentials('username: u, passwordFile: /run/two-lines')).toEqual({ username: 'u', password: 'a\nb' });
  });

  test('may come from a credential helper, which is asked again after six hours', () => {
    const lifetimeMs = 6 * 3_600_000;
    expect(credentials('exec: [docker-credential-ecr-login]')).toEqual({
      exec: ['docker-credential-ecr-login'],
      lifetimeMs,
    });
    expect(credentials('exec: ["${USER}", ""], password: "", passwordFile: ""')).toEqual({
      exec: ['ann', ''],
      lifetimeMs,
    });
  });

  test('may come from a command that prints the password of a user, with a lifetime', () => {
    expect(credentials('username: AWS, exec: [aws, ecr, get-login-password], lifetime: 0s')).toEqual({
      exec: ['aws', 'ecr', 'get-login-password'],
      username: 'AWS',
      lifetimeMs: 0,
    });
  });

  test('may come from a command beside the file', () => {
    expect(credentials('exec: [bin/login.sh, bin/as-it-is]')).toMatchObject({
      exec: ['/etc/wharf/bin/login.sh', 'bin/as-it-is'],
    });
  });
});

describe('sync jobs', () => {
  test('copy from the default upstream to the store unless they say otherwise', () => {
    expect(job('exclude: []')).toMatchObject({ from: 'docker.io', to: [{ kind: 'store' }], platforms: 'all' });
  });

  test('take a registry by name, with a prefix, and with everything about it', () => {
    const { to } = job('to: [store, reg.example.com, "localhost:5000/team/", { url: "https://r.io", ca: ca.pem }]');
    expect(to).toMatchObject([
      { kind: 'store' },
      { kind: 'registry', endpoint: { url: 'https://reg.example.com' }, repository: '{repository}' },
      { kind: 'registry', endpoint: { url: 'http://localhost:5000' }, repository: 'team/' },
      { kind: 'registry', endpoint: { url: 'https://r.io', caFile: '/etc/wharf/ca.pem' }, repository: '{repository}' },
    ]);
  });

  test('a single target needs no list', () => {
    expect(job('to: docker.io/me/').to).toMatchObject([
      {
        endpoint: { url: 'https://registry-1.docker.io', realms: ['https://auth.docker.io/token'] },
        repository: 'me/',
      },
    ]);
  });

  test.each([
    [
      '{ officialImages: {} }',
      {
        kind: 'official-images',
        repository: 'https://github.com/docker-library/official-images.git',
        revision: undefined,
      },
    ],
    ['{ officialImages: { repository: ../oi } }', { kind: 'official-images', repository: '/etc/wharf/../oi' }],
    [
      '{ officialImages: { repository: "git@host:o/r.git" } }',
      { kind: 'official-images', repository: 'git@host:o/r.git' },
    ],
    ['{ hub: { namespace: library } }', { kind: 'hub', namespace: 'library' }],
    ['{ file: images.list }', { kind: 'file', file: '/etc/wharf/images.list' }],
    [
      '{ images: [nginx, "redis:6,7", "ghcr.io/o/x:1"] }',
      { kind: 'images', images: ['nginx', 'redis:6,7', 'ghcr.io/o/x:1'] },
    ],
    [
      '{ registry: { url: "old:5000", repositories: ["team/**"] } }',
      { kind: 'registry', endpoint: { url: 'https://old:5000' }, repositories: ['team/**'] },
    ],
  ])('have the catalog %s', (catalog, expected) => {
    expect(parse(`sync: [{ name: a, catalog: ${catalog} }]`).sync[0]?.catalog).toMatchObject(expected);
  });

  test('select by patterns and files', () => {
    const { include, exclude } = job('include: [nginx, { file: more.list }], exclude: { file: not.list }');
    expect(include).toEqual({ patterns: ['nginx'], files: ['/etc/wharf/more.list'] });
    expect(exclude).toEqual({ patterns: [], files: ['/etc/wharf/not.list'] });
  });

  test('have one range of versions, or one for each name', () => {
    expect(job('semver: ">=1.20"').semver).toEqual({ range: '>=1.20', byName: new Map() });
    expect(job('semver: { nginx: "^1.27", redis: 7.x }').semver).toEqual({
      byName: new Map([
        ['nginx', '^1.27'],
        ['redis', '7.x'],
      ]),
    });
  });

  test('know their platforms, ages and times', () => {
    expect(
      job('platforms: [linux/amd64, linux/arm/v7], minAge: 7d, newest: 5, prune: 30d, schedule: "17 */6 * * *"'),
    ).toMatchObject({
      platforms: [
        { os: 'linux', architecture: 'amd64' },
        { os: 'linux', architecture: 'arm', variant: 'v7' },
      ],
      minAgeMs: 604_800_000,
      newest: 5,
      pruneAfterMs: 2_592_000_000,
      schedule: { cron: '17 */6 * * *', timeZone: 'UTC', jitterMs: 0 },
    });
  });
});
