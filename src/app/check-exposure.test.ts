import { describe, expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { checkExposure } from './check-exposure.ts';

type Stored = Readonly<Record<string, Credentials>>;

const ANN = 'credentials: { username: ann, password: canary }';
const UPSTREAM = `upstreams: { ghcr.io: { ${ANN} } }`;

/** Asks for a configuration with these lines, where these logins are stored by host. Gives the hosts asked for. */
async function check(text: string, stored: Stored = {}): Promise<string[]> {
  const config = parseConfig(text, {
    file: 'wharf.yaml',
    env: {},
    resolvePath: (path) => path,
    readSecret: () => 'canary',
  });
  const asked: string[] = [];
  const find = async (host: string) => {
    asked.push(host);
    return stored[host];
  };
  await checkExposure(config, { find });
  return asked;
}

describe('who can reach it', () => {
  test.each(['127.0.0.1:5000', '127.1.2.3:80', '"[::1]:5000"', 'localhost:5000', 'unix:/run/wharf.sock'])(
    'on %s is this machine alone',
    async (listen) => {
      expect(await check(`listen: ${listen}\n${UPSTREAM}`)).toEqual([]);
    },
  );

  test.each([
    [':5000', 'http://0.0.0.0:5000'],
    ['0.0.0.0:5000', 'http://0.0.0.0:5000'],
    ['"[::]:5000"', 'http://[::]:5000'],
    ['10.0.0.7:5000', 'http://10.0.0.7:5000'],
    ['registry.example.com:5000', 'http://registry.example.com:5000'],
    ['127.0.0.1.example.com:80', 'http://127.0.0.1.example.com:80'],
    ['[ "127.0.0.1:5000", "10.0.0.7:1", ":5002" ]', 'http://10.0.0.7:1 and http://0.0.0.0:5002'],
  ])('on %s may be others', async (listen, addresses) => {
    await expect(check(`listen: ${listen}`)).rejects.toThrow(
      `this server is not to listen on ${addresses}: it has no accounts, and nobody has said what whoever reaches it may do`,
    );
  });

  test.each(['anonymous: pull', 'anonymous: everything', 'accounts: {}'])(
    'is decided by somebody who says so: %s',
    async (said) => {
      expect(await check(`listen: ":5000"\nupstreams: {}\n${said}`)).toEqual([]);
    },
  );

  test('may have accounts, and policy then says who gets what a login of ours reads', async () => {
    expect(await check(`listen: ":5000"\naccounts: {}\n${UPSTREAM}`)).toEqual([]);
  });
});

describe('what it would give them', () => {
  const checkOpen = (text: string, stored?: Stored) => check(`listen: ":5000"\nanonymous: pull\n${text}`, stored);

  test('is one sentence with the login, the upstream and the ways out, for the user', async () => {
    await expect(checkOpen(UPSTREAM)).rejects.toThrow(
      new UsageError(
        'this server is not to listen on http://0.0.0.0:5000: it has no accounts, so everyone who reaches it could pull ' +
          'every private image that the login "ann" may read at ghcr.io; listen on loopback alone (127.0.0.1:5000), or say ' +
          'under `upstreams` for ghcr.io either `public: true`, if that is what you want, or `credentials: {}`, to ask ' +
          'without a login',
      ),
    );
  });

  test('is nothing without a login, and every host is looked up as its requests will be', async () => {
    expect(await checkOpen('')).toEqual([
      'registry-1.docker.io',
      'ghcr.io',
      'quay.io',
      'gcr.io',
      'registry.k8s.io',
      'mcr.microsoft.com',
    ]);
  });

  test('is nothing where it was said to be public, or is asked anonymously, whatever is stored', async () => {
    const stored = { 'ghcr.io': { username: 'ann', password: 'canary' } };
    expect(await checkOpen(`upstreams: { ghcr.io: { public: true, ${ANN} } }`)).not.toContain('ghcr.io');
    expect(await checkOpen('upstreams: { ghcr.io: { credentials: {} } }', stored)).not.toContain('ghcr.io');
  });

  test('is what a stored login may read', async () => {
    const stored = { 'registry-1.docker.io': { username: 'an\n"n', password: 'canary' } };
    await expect(checkOpen('', stored)).rejects.toThrow(
      String.raw`that the login "an\n\"n" that is stored on this machine may read at docker.io;`,
    );
    await expect(checkOpen('', { 'quay.io': { identityToken: 'canary' } })).rejects.toThrow(
      'that the login that is stored on this machine may read at quay.io;',
    );
  });

  test('is what the login of a command may read, which need not be run for that', async () => {
    await expect(checkOpen('upstreams: { a.io: { credentials: { exec: [nowhere, canary] } } }')).rejects.toThrow(
      'that the login that nowhere gives may read at a.io;',
    );
  });

  test('is also what a mirror gives to a login, by digest', async () => {
    const text = `upstreams: { ghcr.io: { mirrors: [{ url: "https://m.io", ${ANN} }] } }`;
    await expect(checkOpen(text)).rejects.toThrow(
      'that the login "ann" may read at https://m.io, a mirror of ghcr.io;',
    );
  });

  test('is told for all upstreams at once, and without any secret', async () => {
    const text = `upstreams: { a.io: { ${ANN} }, b.io: { url: "http://10.0.0.1:5000" }, c.io: { public: true } }`;
    const stored = { '10.0.0.1:5000': { username: 'bob', password: 'canary' } };
    const error = await checkOpen(text, stored).catch((error: unknown) => error);
    const { message } = error as UsageError;
    expect(message).toContain(
      'that the login "ann" may read at a.io, and that the login "bob" that is stored on this machine may read at b.io;',
    );
    expect(message).toContain('for a.io and b.io either');
    expect(message).not.toContain('canary');
  });
});

test('a place where logins are kept that cannot be read is no reason to go on', async () => {
  const config = parseConfig('listen: ":5000"\nanonymous: pull', {
    file: 'wharf.yaml',
    env: {},
    resolvePath: (path) => path,
    readSecret: () => '',
  });
  const find = () => Promise.reject(new UsageError('the file is broken'));
  await expect(checkExposure(config, { find })).rejects.toThrow('the file is broken');
});
