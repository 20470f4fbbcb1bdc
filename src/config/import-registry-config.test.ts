import { describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import type { Config } from './config.ts';
import { importRegistryConfig } from './import-registry-config.ts';
import type { Environment } from './interpolate.ts';
import { parseConfig } from './parse-config.ts';

interface Imported {
  readonly yaml: string;
  readonly notes: readonly string[];
  readonly config: Config;
}

function imported(text: string | undefined, env: Environment = {}): Imported {
  const { yaml, notes } = importRegistryConfig({ text, file: 'config.yml', env });
  const config = parseConfig(yaml, {
    file: 'wharf.yaml',
    env: { WHARF_PROXY_PASSWORD: 'from the variable', ...env },
    resolvePath: (path) => path,
    readSecret: () => '',
  });
  return { yaml, notes, config };
}

function complaintOf(text: string | undefined, env: Environment = {}): string {
  const { complaint } = attempt(text, env);
  if (complaint === undefined) throw new Error('there was nothing to complain about');
  return complaint;
}

const noteOn = ({ notes }: Imported, setting: string) => notes.find((note) => note.startsWith(`${setting}: `));
const listeners = ({ config: { listen, admin } }: Imported) => ({ listen, admin });
const onLoopback = (port: number) => ({ kind: 'tcp', host: '127.0.0.1', port });

const OF_THE_IMAGE = `
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`;

const PULL_THROUGH = `${OF_THE_IMAGE}
proxy:
  remoteurl: https://registry-1.docker.io
  username: ann
  password: hunter2
`;

const GUARDED = `
version: 0.1
log: { level: debug, accesslog: { disabled: true } }
storage:
  s3: { region: eu-west-1, bucket: images, accesskey: AKIA, secretkey: hunter2 }
  delete: { enabled: true }
http:
  addr: 0.0.0.0:443
  host: https://registry.example.com
  secret: hunter2
  tls: { certificate: /certs/domain.crt, key: /certs/domain.key }
  debug: { addr: ":5001", prometheus: { enabled: true, path: /metrics } }
auth:
  htpasswd: { realm: basic-realm, path: /auth/htpasswd }
notifications:
  endpoints: [{ name: listener, url: https://hooks.example.com }]
redis: { addr: "localhost:6379", password: hunter2 }
`;

describe('the configurations that people have', () => {
  test("the image's own becomes a plain registry that knows no upstream", () => {
    const plain = imported(OF_THE_IMAGE);
    expect(plain.config).toMatchObject({
      listen: [{ kind: 'tcp', port: 5000 }],
      admin: onLoopback(5001),
      dataFolder: '/var/lib/registry-wharf',
      hosted: ['**'],
      defaultUpstream: undefined,
    });
    expect(plain.config.upstreams.size).toBe(0);
    expect(plain.notes.map((note) => note.split(': ')[0])).toEqual([
      'http.addr',
      'storage.filesystem.rootdirectory',
      'log',
      'storage.cache',
      'http.headers',
      'health',
    ]);
  });

  test('a pull-through cache has its upstream and login, keeps nothing of its own, and forgets after a week', () => {
    const { config, yaml, notes } = imported(PULL_THROUGH);
    expect(config).toMatchObject({
      defaultUpstream: 'docker.io',
      hosted: [],
      cache: { maxIdleMs: Infinity, maxAgeMs: 604_800_000 },
    });
    expect(config.upstreams.get('docker.io')).toMatchObject({
      url: 'https://registry-1.docker.io',
      realms: ['https://auth.docker.io/token'],
      credentials: { username: 'ann', password: 'from the variable' },
      public: false,
    });
    expect(config.upstreams.has('ghcr.io')).toBe(true);
    expect(yaml + notes.join('')).not.toContain('hunter2');
    expect(notes.join('\n')).toContain('set the variable WHARF_PROXY_PASSWORD to it');
  });

  test('one with accounts, TLS and S3 listens to this machine alone, and says what is to be done', () => {
    const guarded = imported(GUARDED);
    expect(listeners(guarded)).toEqual({ listen: [onLoopback(5000)], admin: { kind: 'tcp', port: 5001 } });
    expect(guarded.config).toMatchObject({ externalUrl: 'https://registry.example.com', dataFolder: './wharf-data' });
    expect(guarded.yaml + guarded.notes.join('')).not.toMatch(/hunter2|AKIA/);
    expect(guarded.notes).toMatchInlineSnapshot(`
      [
        "http.addr: Wharf listens on 127.0.0.1:5000 only, without auth and http.tls; let a proxy in front do that on 0.0.0.0:443",
        "http.debug.addr: what listens there has no login; keep it in a network of your own",
        "http.debug.prometheus: metrics are at /metrics of \`admin\`, under names of their own (docs/metrics.md)",
        "storage.s3: no counterpart yet; content is kept in files, below ./wharf-data unless \`data\` says otherwise; \`wharf copy 'http://HOST:PORT/**' store:\` moves what is there while the old registry runs",
        "log.level: \`wharf serve --log-level\` takes debug, info, warn and error",
        "log.accesslog: \`wharf serve --log-level warn\` leaves out the line that each request has",
        "storage.delete: not needed: whoever may push may delete, and \`wharf gc --untagged\` frees the room",
        "http.secret: not needed: what an upload has brought is known from its file",
        "http.tls: no counterpart yet: let a proxy in front speak TLS",
        "auth: not taken over: \`accounts\` takes an htpasswd file, and says who may do what (docs/accounts.md)",
        "notifications: no counterpart yet: nothing is told of pushes and pulls but by the log",
        "redis: not needed: metadata is in a database beside the content",
      ]
    `);
  });

  test('variables alone change what the image begins with', () => {
    const env = {
      REGISTRY_PROXY_REMOTEURL: 'https://registry-1.docker.io',
      REGISTRY_PROXY_USERNAME: 'a$b',
      REGISTRY_PROXY_PASSWORD: 'pa${ss',
      REGISTRY_PROXY_TTL: '36h',
      REGISTRY_HTTP_ADDR: 'localhost:5050',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/srv/$cache/',
      HOME: '/root',
    };
    const { config, yaml, notes } = imported(undefined, env);
    expect(config).toMatchObject({
      listen: [{ kind: 'tcp', host: 'localhost', port: 5050 }],
      dataFolder: '/srv/$cache-wharf',
      cache: { maxAgeMs: 129_600_000 },
    });
    expect(config.upstreams.get('docker.io')?.credentials).toEqual({ username: 'a$b', password: 'pa${ss' });
    expect(yaml).toContain('${REGISTRY_PROXY_PASSWORD}');
    expect(notes.join('\n')).toContain('keep the variable REGISTRY_PROXY_PASSWORD set');
  });
});

describe('listeners', () => {
  const http = (settings: string, more = '') => imported(`version: 0.1\nhttp: ${settings}\n${more}`);
  const READ_ONLY = 'storage: { maintenance: { readonly: { enabled: true } } }';

  test.each([
    ['{ addr: ":5000" }', { kind: 'tcp', port: 5000 }],
    ['{ addr: "localhost:5000" }', { kind: 'tcp', host: 'localhost', port: 5000 }],
    ['{ addr: "0.0.0.0:80", net: tcp }', { kind: 'tcp', host: '0.0.0.0', port: 80 }],
    ['{ addr: "[::1]:5000" }', { kind: 'tcp', host: '::1', port: 5000 }],
    ['{ addr: /run/registry.sock, net: unix }', { kind: 'unix', path: '/run/registry.sock' }],
    ['', onLoopback(5000)],
  ])('%s', (settings, address) => {
    expect(http(settings).config.listen).toEqual([address]);
  });

  test.each(['auth: { token: { realm: x } }', 'auth: htpasswd', READ_ONLY])(
    'nobody comes in from outside whom %s kept out, and the old port is left to the proxy',
    (more) => {
      expect(http('{ addr: ":5000" }', more).config.listen).toEqual([onLoopback(5002)]);
      expect(http('{ addr: ":443", debug: { addr: ":5000" } }', more).config.listen).toEqual([onLoopback(5002)]);
    },
  );

  test.each(['auth: { none: {} }', 'auth:', 'storage: { maintenance: { readonly: { enabled: no } } }'])(
    '%s keeps nobody out',
    (more) => {
      expect(http('{ addr: ":5000" }', more).config.listen).toEqual([{ kind: 'tcp', port: 5000 }]);
    },
  );

  test.each(['{ addr: "localhost:443", tls: { key: k } }', '{ addr: /run/r.sock, net: unix, tls: { key: k } }'])(
    'what only this machine reaches stays where it is: %s',
    (settings) => {
      const { listen } = http(settings).config;
      expect(listen).not.toEqual([onLoopback(5000)]);
    },
  );

  test('the console gives way to a registry at its usual address', () => {
    expect(listeners(http('{ addr: ":5001" }'))).toEqual({ listen: [{ kind: 'tcp', port: 5001 }], admin: undefined });
  });
});

describe('the upstream of a cache', () => {
  const proxy = (settings: string) => imported(`version: 0.1\nproxy: { ${settings} }`);

  test.each(['https://registry-1.docker.io', 'https://index.docker.io/', 'registry-1.docker.io', 'https://docker.io'])(
    '%s is docker.io',
    (url) => {
      const { defaultUpstream, upstreams } = proxy(`remoteurl: "${url}"`).config;
      expect([defaultUpstream, upstreams.get('docker.io')?.url]).toEqual(['docker.io', 'https://registry-1.docker.io']);
    },
  );

  test.each([
    ['https://quay.io', 'quay.io', 'https://quay.io'],
    ['http://ghcr.io', 'ghcr.io', 'http://ghcr.io'],
    ['http://registry:5000', 'registry:5000', 'http://registry:5000'],
    [
      'https://nexus.example.com/repository/docker/',
      'nexus.example.com',
      'https://nexus.example.com/repository/docker',
    ],
  ])('%s is called %s', (url, name, expected) => {
    const { defaultUpstream, upstreams } = proxy(`remoteurl: "${url}"`).config;
    expect([defaultUpstream, upstreams.get(name)?.url, upstreams.has('docker.io')]).toEqual([name, expected, true]);
  });

  test('without a remoteurl there is no cache', () => {
    const { config, notes } = proxy('username: ann, password: x');
    expect(config.hosted).toEqual(['**']);
    expect(notes.join('\n')).toContain('without remoteurl it has no effect');
  });

  test.each([
    ['ttl: 0', Infinity],
    ['ttl: 0s', Infinity],
    ['ttl: 1h30m', 5_400_000],
    ['ttl: 168h0m0s', 604_800_000],
    ['ttl: 3600000000000', 3_600_000],
    ['ttl: 1ns', 1],
    ['ttl: ', 604_800_000],
  ])('%s', (ttl, maxAgeMs) => {
    expect(proxy(`remoteurl: docker.io, ${ttl}`).config.cache).toMatchObject({ maxAgeMs, maxIdleMs: Infinity });
  });

  test.each(['username: ann', 'password: hunter2'])('half a login is left out: %s', (half) => {
    const { config, notes } = proxy(`remoteurl: docker.io, ${half}`);
    expect(config.upstreams.get('docker.io')?.credentials).toBeUndefined();
    expect(notes.join('\n')).toContain('the login is left out');
  });

  test('a command for the login wins over a password, as it does there', () => {
    const { config } = proxy(
      'remoteurl: docker.io, username: ann, exec: { command: docker-credential-x, lifetime: 1h }',
    );
    expect(config.upstreams.get('docker.io')?.credentials).toMatchObject({
      exec: ['docker-credential-x'],
      lifetimeMs: 3_600_000,
    });
  });
});

describe('storage', () => {
  const folderOf = (root: string) => imported(`version: 0.1\nstorage: { filesystem: { rootdirectory: "${root}" } }`);

  test.each([
    ['/data/registry', '/data/registry-wharf'],
    ['/data/registry//', '/data/registry-wharf'],
    ['/', '/wharf-data'],
    ['./data', './data-wharf'],
    ['/a b/${c}', '/a b/${c}-wharf'],
  ])('beside %s is %s', (root, data) => {
    expect(folderOf(root).config.dataFolder).toBe(data);
  });

  test('what a terminal would obey is not shown to it', () => {
    const { config, yaml, notes } = folderOf('/a\\e[2J');
    expect(config.dataFolder).toBe('/a\u001B[2J-wharf');
    expect(yaml + notes.join('')).not.toContain('\u001B');
  });

  test.each(['storage: filesystem', 'storage: { filesystem: }', 'storage:', ''])('%j is the usual folder', (text) => {
    expect(imported(`version: 0.1\n${text}`).config.dataFolder).toBe('/var/lib/registry-wharf');
  });

  test('of another driver stays behind until it is copied', () => {
    const azure = imported('version: 0.1\nstorage: { azure: { accountname: x }, cache: { blobdescriptor: redis } }');
    expect(azure.config.dataFolder).toBe('./wharf-data');
    expect(noteOn(azure, 'storage.azure')).toContain('wharf copy');
    const memory = imported('version: 0.1\nstorage: inmemory');
    expect(noteOn(memory, 'storage.inmemory')).not.toContain('wharf copy');
  });
});

describe('variables', () => {
  test('win over the file, and may hold a section or the name of a driver', () => {
    const env = {
      REGISTRY_STORAGE: 'inmemory',
      REGISTRY_AUTH: '{htpasswd: {realm: x, path: /auth}}',
      REGISTRY_HTTP_ADDR: ':443',
      REGISTRY_HTTP_HEADERS: '{X-A: [b]}',
    };
    const result = imported(OF_THE_IMAGE, env);
    expect(result.config).toMatchObject({ listen: [onLoopback(5000)], dataFolder: './wharf-data' });
    expect(noteOn(result, 'auth')).toContain('not taken over');
  });

  test('of accounts, one by one', () => {
    const env = { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_REALM: 'x', REGISTRY_AUTH_HTPASSWD_PATH: '/auth' };
    expect(imported(undefined, env).config.listen).toEqual([onLoopback(5002)]);
  });

  test('that name no setting are named, but for our own', () => {
    const env = { REGISTRY_PORT: 'tcp://10.0.0.1:5000', REGISTRY_DOMAIN: 'reg.example.com', REGISTRY_USER: 'ann' };
    const { notes } = imported(undefined, env);
    expect(notes.filter((note) => note.includes('REGISTRY_'))).toEqual([
      'REGISTRY_PORT: registry:2 has no such setting; left out',
    ]);
  });
});

describe('what cannot be used is a sentence at its place', () => {
  test.each([
    ['version: 0.1\nhttp: 5', '2:7: at http: expected a map of settings'],
    ['version: 0.1\nhttp:\n  addr: [1]', '3:9: at http.addr: expected a text'],
    [
      'version: 0.1\nhttp: { secret: "$$$$", addr: "5000" }',
      '2:31: at http.addr: expected an address to listen on, such as 127.0.0.1:5000, [::1]:5000, :5000 or unix:/run/wharf.sock',
    ],
    [
      'version: 0.1\nhttp: { addr: ":1", debug: { addr: ":1" } }',
      '2:36: at http.debug.addr: this is where the registry listens; choose another address',
    ],
    ['version: 0.1\nauth: 5', '2:7: at auth: expected a map of settings'],
    [
      'version: 0.1\nproxy: { remoteurl: "https://ann:hunter2@reg.example.com" }',
      '2:21: at proxy.remoteurl: expected a registry such as https://registry.example.com',
    ],
    [
      'version: 0.1\nproxy: { remoteurl: docker.io, ttl: -1h }',
      '2:37: at proxy.ttl: expected a duration such as 168h, or 0',
    ],
    [
      'version: 0.1\nstorage: { s3: {}, filesystem: {} }',
      '2:10: at storage: there are several drivers; keep one, as REGISTRY_STORAGE=NAME does',
    ],
    ['version: 0.1\nlog: *x', '2:6: at log: there is no anchor &x above this alias'],
    ['listen: ":5000"', '1:1: at version: expected version: 0.1, as every configuration of registry:2 has it'],
    ['5', '1:1: expected the configuration of a registry'],
    ['', '1:1: expected the configuration of a registry'],
    [
      'a: [1',
      '1:6: this is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a: &a [*a]', '1:1: the file holds too much, or an alias that contains itself'],
    [' '.repeat(1024 * 1024 + 1), '1:1: the file is larger than 1 MiB'],
  ])('$1', (text, message) => {
    expect(complaintOf(text)).toBe(`config.yml:${message}`);
  });

  test('a variable is named instead of a place', () => {
    const env = { REGISTRY_HTTP_NET: 'udp', REGISTRY_PROXY: '{remoteurl: docker.io, ttl: [1]}' };
    expect(complaintOf(OF_THE_IMAGE, env)).toBe(
      'REGISTRY_HTTP_NET: expected tcp or unix\nREGISTRY_PROXY: at ttl: expected a text',
    );
  });
});

function attempt(
  text: string | undefined,
  env: Environment,
): { readonly config?: Config; readonly complaint?: string } {
  try {
    return { config: imported(text, env).config };
  } catch (error) {
    if (error instanceof UsageError) return { complaint: error.message };
    throw error;
  }
}
