import { describe, expect, test } from 'vitest';
import { UsageError } from '../../oci/usage-error.ts';
import type { ClientFile, ClientOptions } from '../client-configuration.ts';
import { CLIENTS, type ClientName } from '../clients.ts';
import { resolveClientSetup } from '../resolve-client-setup.ts';
import { merge } from './merge.ts';

const UPSTREAMS = [
  { name: 'docker.io', url: 'https://registry-1.docker.io', hosts: [] },
  { name: 'ghcr.io', url: 'https://ghcr.io', hosts: [] },
];

function ours(client: ClientName, end: string, options: ClientOptions = {}, caFile?: string): ClientFile {
  const setup = resolveClientSetup({
    mirrors: ['https://ours.example'],
    upstreams: UPSTREAMS,
    caFile,
    needsMirror: true,
  });
  const file = CLIENTS[client].generate(setup, options).files.find(({ path }) => path.endsWith(end));
  if (file === undefined) throw new Error(`${client} has no ${end}`);
  return file;
}

function refusal(existing: string, file: ClientFile): string {
  try {
    return `not refused: ${merge(existing, file)}`;
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
}

function merged(existing: string, file: ClientFile): string {
  const text = merge(existing, file);
  expect(merge(text, file)).toBe(text);
  return text;
}

test('where there is no file, or an empty one, ours is the file', () => {
  const file = ours('docker', 'daemon.json');
  expect(merge(undefined, file)).toBe(file.text);
  expect(merge(' \n', file)).toBe(file.text);
  expect(merge(file.text, file)).toBe(file.text);
});

test('a file of a client that knows no merging is left as it is', () => {
  expect(refusal('[worker.oci]\n', ours('buildkit', 'buildkitd.toml'))).toBe(
    '/etc/buildkit/buildkitd.toml is left as it is, as it is there already; print the settings, and put them in by hand',
  );
});

test.each([
  ['docker', 'daemon.json', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['k3s', 'registries.yaml', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ['containerd', 'ghcr.io/hosts.toml', `a = ${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['containerd', 'ghcr.io/hosts.toml', `[a${'.a'.repeat(100_000)}]`],
  ['docker', 'daemon.json', ' '.repeat(999_999) + '{}'],
] as const)('what is too deep or too long for a file of %s is left as it is', (client, end, existing) => {
  expect(refusal(existing, ours(client, end))).toContain('is left as it is, as it');
});

describe('daemon.json', () => {
  const file = ours('docker', 'daemon.json');

  test('keeps the other keys as they are written, and puts our mirrors before theirs', () => {
    const existing = `{
    "log-driver":"json-file",
    "registry-mirrors": ["https://theirs.example", "https://ours.example/"],
    "default-ulimits": { "nofile": { "Name": "nofile", "Hard": 18446744073709551615 } }
}
`;
    expect(merged(existing, file)).toBe(`{
    "log-driver":"json-file",
    "registry-mirrors": [
        "https://ours.example",
        "https://theirs.example"
    ],
    "default-ulimits": { "nofile": { "Name": "nofile", "Hard": 18446744073709551615 } }
}
`);
  });

  test.each([
    ['{}', '{\n  "registry-mirrors": [\n    "https://ours.example"\n  ]\n}'],
    ['{ "debug": true }', '{ "registry-mirrors": ["https://ours.example"], "debug": true }'],
    ['{\n\t"debug": true\n}\n', '{\n\t"registry-mirrors": [\n\t\t"https://ours.example"\n\t],\n\t"debug": true\n}\n'],
    ['{"registry-mirrors":[]}', '{"registry-mirrors":["https://ours.example"]}'],
    ['{"registry-mirrors":null}', '{"registry-mirrors":["https://ours.example"]}'],
    [
      '{"a":{"registry-mirrors":["x"]}}',
      '{ "registry-mirrors": ["https://ours.example"], "a":{"registry-mirrors":["x"]}}',
    ],
    [
      '{"a":"registry-mirrors","b":"\\"}"}',
      '{ "registry-mirrors": ["https://ours.example"], "a":"registry-mirrors","b":"\\"}"}',
    ],
  ])('%s becomes %s', (existing, expected) => {
    expect(JSON.parse(merged(existing, file))).toEqual(JSON.parse(expected));
  });

  test('of another form is refused, with the place', () => {
    expect(
      [
        '{\n  "debug": true,\n}',
        '// comment\n{}',
        '[]',
        '"text"',
        '{"registry-mirrors":"https://theirs.example"}',
        '{"registry-mirrors":[1]}',
        '{"registry-mirrors":["a"],"registry-mirrors":["b"]}',
      ].map((existing) => refusal(existing, file)),
    ).toMatchInlineSnapshot(`
      [
        "/etc/docker/daemon.json is left as it is, as it is no JSON: Expected double-quoted property name in JSON at position 19 (line 3 column 1)",
        "/etc/docker/daemon.json is left as it is, as it is no JSON: Unexpected token '/', "// comment {}" is not valid JSON",
        "/etc/docker/daemon.json is left as it is, as it holds no JSON object",
        "/etc/docker/daemon.json is left as it is, as it holds no JSON object",
        "/etc/docker/daemon.json is left as it is, as registry-mirrors in it is no list of texts",
        "/etc/docker/daemon.json is left as it is, as registry-mirrors in it is no list of texts",
        "/etc/docker/daemon.json is left as it is, as registry-mirrors cannot be put into it; is a key in it twice?",
      ]
    `);
  });
});

describe('registries.yaml', () => {
  const file = ours('k3s', 'registries.yaml', {}, '/ca.pem');

  test('keeps comments, credentials and other registries', () => {
    const existing = `# who to ask: ada
mirrors:
  docker.io:
    # the old one
    endpoint:
      - "https://theirs.example"
  reg.corp:
    endpoint: ["https://reg.corp.example"]
configs:
  ours.example:
    auth:
      username: ada
`;
    expect(merged(existing, file)).toMatchInlineSnapshot(`
      "# who to ask: ada
      mirrors:
        docker.io:
          # the old one
          endpoint:
            - https://ours.example
            - https://theirs.example
        reg.corp:
          endpoint: [ "https://reg.corp.example" ]
        ghcr.io:
          endpoint:
            - https://ours.example/v2/ghcr.io
        "*":
          endpoint:
            - https://ours.example
      configs:
        ours.example:
          auth:
            username: ada
          tls:
            ca_file: /ca.pem
      "
    `);
  });

  test.each([
    'mirrors:\n',
    'mirrors: {}\nconfigs:\n',
    '# nothing yet\n',
    'mirrors:\n  docker.io:\n',
    'mirrors:\n  docker.io:\n    endpoint:\n',
  ])('takes our mirrors where %j has none', (existing) => {
    expect(merged(existing, file)).toContain('https://ours.example/v2/ghcr.io');
  });

  test('of another form is refused, with the place', () => {
    expect(
      [
        'mirrors: [\n',
        '- a\n',
        'text\n',
        'mirrors: []\n',
        'mirrors:\n  docker.io: https://theirs.example\n',
        'mirrors:\n  docker.io:\n    endpoint: https://theirs.example\n',
        'mirrors:\n  docker.io:\n    endpoint: [1]\n',
        'mirrors:\n  docker.io:\n    endpoint: [https://theirs.example]\n    rewrite: { "^(.*)$": "hub/$1" }\n',
        'x: &x\n  endpoint: []\nmirrors:\n  docker.io: *x\n',
        'mirrors:\n  docker.io: {}\n  docker.io: {}\n',
        'a: 1\n---\nb: 2\n',
      ].map((existing) => refusal(existing, file)),
    ).toMatchInlineSnapshot(`
      [
        "/etc/rancher/k3s/registries.yaml is left as it is, as it is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 2, column 1",
        "/etc/rancher/k3s/registries.yaml is left as it is, as it is no map of mirrors and configs",
        "/etc/rancher/k3s/registries.yaml is left as it is, as it is no map of mirrors and configs",
        "/etc/rancher/k3s/registries.yaml is left as it is, as mirrors is no map of its own",
        "/etc/rancher/k3s/registries.yaml is left as it is, as mirrors.docker.io is no map of its own",
        "/etc/rancher/k3s/registries.yaml is left as it is, as mirrors.docker.io.endpoint is no list",
        "/etc/rancher/k3s/registries.yaml is left as it is, as mirrors.docker.io.endpoint holds something else than addresses",
        "/etc/rancher/k3s/registries.yaml is left as it is, as mirrors.docker.io has a rewrite, which would change the names at our endpoints too; put it into the address of their endpoint, as https://HOST/v2/PREFIX",
        "/etc/rancher/k3s/registries.yaml is left as it is, as mirrors.docker.io is no map of its own",
        "/etc/rancher/k3s/registries.yaml is left as it is, as it is no YAML: Map keys must be unique at line 3, column 3",
        "/etc/rancher/k3s/registries.yaml is left as it is, as it holds several documents",
      ]
    `);
  });
});

describe('hosts.toml', () => {
  const file = ours('containerd', 'ghcr.io/hosts.toml', {}, '/ca.pem');

  test('puts our hosts before theirs, and keeps their comments and server', () => {
    const existing = `# by ada
server = "https://reg.corp.example"

# the slow one
[host."https://theirs.example"]
  capabilities = ["pull"] # no tags
  [host."https://theirs.example".header]
    x-key = "[not.a.header]"
`;
    expect(merged(existing, file)).toMatchInlineSnapshot(`
      "# by ada
      server = "https://reg.corp.example"

      [host."https://ours.example/v2/ghcr.io"]
        capabilities = [ "pull", "resolve" ]
        override_path = true
        ca = "/ca.pem"

      # the slow one
      [host."https://theirs.example"]
        capabilities = ["pull"] # no tags
        [host."https://theirs.example".header]
          x-key = "[not.a.header]"
      "
    `);
  });

  test('brings our own host to the front, with what else was said of it', () => {
    const existing = `[host."https://theirs.example"]
capabilities = ["pull"]

[host."https://ours.example/v2/ghcr.io"]
capabilities = ["pull", "push"]
dial_timeout = "3s"

[host.'https://ours.example/v2/ghcr.io'.header]
x-key = ["a", "b"]
`;
    expect(merged(existing, file)).toMatchInlineSnapshot(`
      "server = "https://ghcr.io"

      [host."https://ours.example/v2/ghcr.io"]
        capabilities = [ "pull", "resolve" ]
        dial_timeout = "3s"
        override_path = true
        ca = "/ca.pem"

      [host.'https://ours.example/v2/ghcr.io'.header]
      x-key = ["a", "b"]

      [host."https://theirs.example"]
      capabilities = ["pull"]

      "
    `);
  });

  test('of another form is refused, with the place', () => {
    expect(
      [
        'server = \n',
        'server = 1\n',
        'host = 1\n',
        'host = { "https://theirs.example" = { capabilities = ["pull"] } }\n',
        '[host]\n"https://theirs.example" = 1\n',
        '[host."https://a"]\n[host."https://a"]\n',
        '[[host]]\nname = "x"\n',
      ].map((existing) => refusal(existing, file)),
    ).toMatchInlineSnapshot(`
      [
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as it is no TOML: invalid value (line 1, column 10)",
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as server in it is no text",
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as host in it is no table",
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as its hosts are not written as tables of their own, such as [host."https://mirror.example"]",
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as host."https://theirs.example" in it is no table",
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as it is no TOML: trying to redefine an already defined table or value (line 2, column 2)",
        "/etc/containerd/certs.d/ghcr.io/hosts.toml is left as it is, as host in it is no table",
      ]
    `);
  });

  test('has no cut within a text of several lines', () => {
    const existing = 'note = """\n[host."https://ours.example/v2/ghcr.io"]\n"""\n';
    expect(refusal(existing, file)).toContain('is left as it is');
  });
});

describe("containerd's config.toml", () => {
  const file = ours('containerd', 'config.toml');
  const registry = '[plugins."io.containerd.grpc.v1.cri".registry]';

  test.each([
    ['version = 2\n', `version = 2\n\n${registry}\n  config_path = "/etc/containerd/certs.d"\n`],
    [
      `version = 2\n\n[plugins]\n\n  ${registry}\n    config_path = "" # none\n\n    ${registry.replace(']', '.mirrors]')}\n`,
      `version = 2\n\n[plugins]\n\n  ${registry}\n    config_path = "/etc/containerd/certs.d"\n\n    ${registry.replace(']', '.mirrors]')}\n`,
    ],
    [
      `version = 2\n${registry} # ours\n  headers = {}`,
      `version = 2\n${registry} # ours\n  config_path = "/etc/containerd/certs.d"\n  headers = {}\n`,
    ],
    [
      "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = ''\n",
      'version = 3\n[plugins.\'io.containerd.cri.v1.images\'.registry]\nconfig_path = "/etc/containerd/certs.d"\n',
    ],
  ])('%j becomes %j', (existing, expected) => {
    expect(merged(existing, file)).toBe(expected);
  });

  test('a file of comments alone gets all of ours', () => {
    expect(merged('# nothing yet\n', file)).toBe(`# nothing yet\n\n${file.text}`);
  });

  test.each([
    'disabled_plugins = ["cri"]\n',
    `version = 2\n${registry}\nconfig_path = "/etc/containerd/certs.d:/etc/docker/certs.d"\n`,
  ])('%j needs no change', (existing) => {
    expect(merged(existing, file)).toBe(existing);
  });

  test('of another form is refused, with the place', () => {
    expect(
      [
        'version = \n',
        '[plugins.cri]\n',
        'version = 2\nplugins = 1\n',
        `version = 2\n${registry}\nconfig_path = "/else"\n`,
        `version = 2\n${registry.replace(']', '.mirrors."docker.io"]')}\nendpoint = ["https://theirs.example"]\n`,
        `version = 2\n${registry}\nconfig_path = 1\n`,
        'version = 2\n[plugins]\n"io.containerd.grpc.v1.cri" = { registry = { } }\n',
      ].map((existing) => refusal(existing, file)),
    ).toMatchInlineSnapshot(`
      [
        "/etc/containerd/config.toml is left as it is, as it is no TOML: invalid value (line 1, column 11)",
        "/etc/containerd/config.toml is left as it is, as its version is neither 2 nor 3; containerd config migrate prints it in the newest one",
        "/etc/containerd/config.toml is left as it is, as plugins in it is no table",
        "/etc/containerd/config.toml is left as it is, as its config_path is /else: put the hosts.toml files there, or name /etc/containerd/certs.d in it",
        "/etc/containerd/config.toml is left as it is, as registry.mirrors and registry.configs in it cannot go together with config_path; move them into hosts.toml files",
        "/etc/containerd/config.toml is left as it is, as config_path in it is no text",
        "/etc/containerd/config.toml is left as it is, as [plugins."io.containerd.grpc.v1.cri".registry] in it is not written as a table of its own",
      ]
    `);
  });
});

describe('a drop-in of registries.conf', () => {
  const file = ours('podman', 'wharf.conf');

  test('keeps what else is in it, and puts our mirrors before theirs', () => {
    const existing = `# by ada
unqualified-search-registries = ["docker.io"]

[[registry]]
prefix = "docker.io"
location = "docker.io"
blocked = false

# the slow one
[[registry.mirror]]
location = "theirs.example"

[[registry]]
location = "reg.corp.example"
insecure = true

[aliases]
"nginx" = "docker.io/library/nginx"
`;
    expect(merged(existing, file)).toMatchInlineSnapshot(`
      "# by ada
      unqualified-search-registries = ["docker.io"]

      [[registry]]
      prefix = "docker.io"
      location = "docker.io"
      blocked = false

      [[registry.mirror]]
      location = "ours.example"

      # the slow one
      [[registry.mirror]]
      location = "theirs.example"

      [[registry]]
      location = "reg.corp.example"
      insecure = true

      [aliases]
      "nginx" = "docker.io/library/nginx"

      [[registry]]
      prefix = "ghcr.io"
      location = "ghcr.io"

      [[registry.mirror]]
      location = "ours.example/ghcr.io"
      "
    `);
  });

  test('of another form is refused, with the place', () => {
    expect(
      [
        '[registries.search]\nregistries = ["docker.io"]\n',
        '[[registry]\n',
        'registry = 1\n',
        '[registry]\nprefix = "docker.io"\n',
        '[[registry]]\nblocked = true\n',
        '[[registry]]\nprefix = "a.b"\n[[registry]]\nlocation = "a.b"\n',
        'registry = [{ prefix = "docker.io" }]\n',
      ].map((existing) => refusal(existing, file)),
    ).toMatchInlineSnapshot(`
      [
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as it has the first form of registries.conf ([registries.search] and such), which knows no mirrors",
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as it is no TOML: expected end of table array declaration (line 1, column 12)",
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as registry in it is no list of tables",
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as registry in it is no list of tables",
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as a [[registry]] in it has neither prefix nor location",
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as it has two [[registry]] for a.b",
        "/etc/containers/registries.conf.d/wharf.conf is left as it is, as its registries are not written as [[registry]] and [[registry.mirror]]",
      ]
    `);
  });
});
