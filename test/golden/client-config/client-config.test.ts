// Each client's files for the same setups. A difference here is a difference on somebody's machine: review it.
import path from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { asShellScript } from '../../../src/client-config/as-shell-script.ts';
import type {
  ClientConfiguration,
  ClientFile,
  ClientOptions,
} from '../../../src/client-config/client-configuration.ts';
import { CLIENTS, isClientName } from '../../../src/client-config/clients.ts';
import { type ClientSetupRequest, resolveClientSetup } from '../../../src/client-config/resolve-client-setup.ts';
import { UsageError } from '../../../src/oci/usage-error.ts';

interface Case extends Omit<ClientSetupRequest, 'needsMirror'> {
  readonly options?: ClientOptions;
}

const UPSTREAMS = [
  { name: 'docker.io', url: 'https://registry-1.docker.io', hosts: [] },
  { name: 'ghcr.io', url: 'https://ghcr.io', hosts: [] },
  { name: 'registry.k8s.io', url: 'https://registry.k8s.io', hosts: [] },
];
const CASES: Readonly<Record<string, Case>> = {
  'one-mirror': { mirrors: ['https://mirror.example.com'] },
  'named-mirrors': {
    mirrors: ['mirror.example.com', 'ghcr.io=https://ghcr.example.org', 'nvcr.io=https://big.example.org/v2/nvcr.io'],
    upstreams: UPSTREAMS,
  },
  'own-ca': { mirrors: ['https://mirror.example.com:8443'], upstreams: UPSTREAMS, caFile: '/etc/ssl/private-ca.pem' },
  'plain-http': { mirrors: ['http://10.0.0.5:5000'], upstreams: UPSTREAMS },
  'two-mirrors': { mirrors: ['https://near.example.com', 'https://far.example.com'], upstreams: UPSTREAMS },
  'hosts-of-wharf-yaml': {
    mirrors: [],
    externalUrl: 'https://mirror.example.com',
    upstreams: [
      { name: 'ghcr.io', url: 'https://ghcr.io', hosts: [], path: 'gh' },
      { name: 'docker.io', url: 'https://registry-1.docker.io', hosts: ['docker.mirror.example', ':5002'] },
      { name: 'registry.k8s.io', url: 'https://registry.k8s.io', hosts: [':5003'] },
      { name: 'reg.corp.example:5000', url: 'http://reg.corp.example:5000', hosts: [] },
    ],
  },
  'of-a-user': {
    mirrors: ['https://mirror.example.com'],
    upstreams: UPSTREAMS,
    caFile: "/home/ada/it's mine.pem",
    options: { userConfigFolder: '/home/ada/.config', clientVersion: '29.1.3' },
  },
};

// These read the file of podman.
const SAME_AS_PODMAN = ['skopeo', 'buildah'] as const;
const NAMES = Object.keys(CLIENTS).filter(isClientName);

describe.each(NAMES.filter((name) => SAME_AS_PODMAN.every((same) => same !== name)))('%s', (name) => {
  const { describe: line, generate, needsMirror } = CLIENTS[name];
  const generated = Object.entries(CASES).map(([key, { options = {}, ...request }]) => {
    return [key, generate(resolveClientSetup({ ...request, needsMirror }), options)] as const;
  });

  test.each(generated)(
    '%s: every file is valid in its format, and all of them are as reviewed',
    async (key, { files }) => {
      for (const file of files) expect(() => check(file)).not.toThrow();
      const [file] = files;
      const isOne = file !== undefined && files.length === 1;
      const extension = isOne ? path.extname(file.path) : '.sh';
      await expect(isOne ? file.text : asShellScript(files)).toMatchFileSnapshot(`${name}/${key}${extension}`);
    },
  );

  test('what a person is told is as reviewed', async () => {
    const notes = generated.map(([key, configuration]) => [key, notesOf(configuration)] as const);
    const [[, first] = ['', []], ...others] = notes;
    const sections = [
      first,
      ...others.map(([key, lines]) => [`\n${key}`, ...lines.filter((each) => !first.includes(each))]),
    ];
    await expect(`${line}\n\n${sections.flat().join('\n')}\n`).toMatchFileSnapshot(`${name}/notes.txt`);
  });
});

test.each(SAME_AS_PODMAN)('%s reads the drop-in of podman', (name) => {
  const setup = resolveClientSetup({ mirrors: ['https://mirror.example.com'], needsMirror: true });
  const own = CLIENTS[name].generate(setup, {});
  const ofPodman = CLIENTS.podman.generate(setup, {});
  expect(own.files).toEqual(
    ofPodman.files.map((file) => ({ ...file, text: file.text.replace(' podman.', ` ${name}.`) })),
  );
});

test('what a client cannot be told is said before anything is written', () => {
  const generate = (name: keyof typeof CLIENTS, mirror: string, options: ClientOptions = {}) =>
    CLIENTS[name].generate(resolveClientSetup({ mirrors: [mirror], needsMirror: true }), options);
  const refusals = [
    () => generate('docker', 'ghcr.io=https://m.example'),
    () => generate('docker', 'https://m.example/v2/team'),
    () => generate('docker', 'https://m.example/registry', { clientVersion: '24.0.9' }),
    () => generate('docker', 'https://m.example/registry', { clientVersion: 'newest' }),
    () => generate('podman', 'https://m.example/registry'),
    () => generate('podman', 'https://m.example/registry/v2'),
    () => generate('buildkit', 'https://m.example/registry'),
    () => generate('kubeadm', 'ghcr.io=https://m.example'),
    () =>
      CLIENTS.k3d.generate(
        resolveClientSetup({ mirrors: ['https://m.example'], caFile: '/a:b.pem', needsMirror: true }),
        {},
      ),
  ];
  const sentences = refusals.map((refusal) => {
    try {
      return `not refused: ${JSON.stringify(refusal())}`;
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as Error).message;
    }
  });
  expect(sentences).toMatchInlineSnapshot(`
    [
      "dockerd knows mirrors of docker.io only, and none was given; docker-containerd is told of others",
      "dockerd cannot put a prefix before names: give https://m.example/v2/team a host of its own for docker.io",
      "dockerd before 25.0 does not start with a path in a mirror's address: https://m.example/registry",
      ""newest" is not a version; write it as the client prints it, such as 24.0.7",
      "podman asks for /v2/ right behind the host, so it cannot use https://m.example/registry; if names there begin with registry/, write https://m.example/v2/registry",
      "podman asks for /v2/ right behind the host, so it cannot use https://m.example/registry/v2; if names there begin with registry/, write https://m.example/v2/registry",
      "buildkit asks for /v2/ right behind the host, so it cannot use https://m.example/registry; if names there begin with registry/, write https://m.example/v2/registry",
      "kubeadm needs a mirror of registry.k8s.io: give --mirror URL, or --mirror registry.k8s.io=URL",
      "/a:b.pem cannot be mounted into a node, as it has a colon; copy the certificate to another path",
    ]
  `);
});

function notesOf({ files, reload, remarks, trial }: ClientConfiguration): string[] {
  return [
    ...files.map((file) => `file:   ${file.path}`),
    ...reload.map((each) => `run:    ${each}`),
    ...remarks.map((each) => `remark: ${each}`),
    `try:    ${trial}`,
  ];
}

/** What a format lets us say without its client. */
function check({ format, text }: ClientFile): void {
  expect(text.endsWith('\n')).toBe(true);
  switch (format) {
    case 'json':
      JSON.parse(text);
      break;
    case 'toml':
      parseToml(text);
      break;
    case 'yaml':
      parseYaml(text, { strict: true });
      break;
    case 'hosts':
      expect(text).toMatch(/^(?:#.*\n|\n|[*\w.:[\]-]+\n)*$/);
      break;
    case 'shell':
      expect(text).toMatch(/^#!\/bin\/sh\n/);
      break;
    case 'systemd':
      expect(text.replaceAll(/^#.*\n/gm, '').replaceAll('\\\n', '')).toMatch(/^(?:\[\w+\]\n|\w+=.*\n)*$/);
      break;
    case 'nginx':
    case 'caddyfile':
      expect(text).not.toBe('');
  }
}
