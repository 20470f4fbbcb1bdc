import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { removeLogin, saveLogin } from './login.ts';
import { StoredCredentials } from './stored-credentials.ts';

const SKOPEO = 'skopeo';
const HUB_KEY = 'https://index.docker.io/v1/';
const ANN = { username: 'ann', password: 'pa:ss' };
const BOB = { username: 'bob', password: 'word' };

let home: string;
let env: Record<string, string | undefined>;
let dockerFile: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'wharf-home-'));
  env = { PATH: `${home}:${process.env['PATH']}`, HELPER: path.join(home, 'helper') };
  dockerFile = path.join(home, '.docker', 'config.json');
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

function entry({ username, password }: typeof ANN) {
  return { auth: Buffer.from(`${username}:${password}`).toString('base64') };
}

async function write(file: string, content: unknown): Promise<void> {
  const absolute = path.resolve(home, file);
  await mkdir(path.dirname(absolute), { recursive: true });
  await writeFile(absolute, typeof content === 'string' ? content : JSON.stringify(content));
}

async function readDockerFile(): Promise<unknown> {
  return JSON.parse(await readFile(dockerFile, 'utf8')) as unknown;
}

function find(registryHost: string, repository?: string): Promise<Credentials | undefined> {
  return new StoredCredentials({ env, homeFolder: home }).find(registryHost, repository);
}

/** Keeps one login in a file, whoever it is for. */
async function installHelper(): Promise<void> {
  const script = `#!/bin/sh
case "$1" in
  store) cat > "$HELPER" ;;
  erase) rm "$HELPER" ;;
  get) server=$(cat); grep -F "\\"$server\\"" "$HELPER" 2>/dev/null || { echo credentials not found; exit 1; } ;;
esac
`;
  await writeFile(path.join(home, 'docker-credential-fake'), script, { mode: 0o755 });
}

describe('a login is found', () => {
  test('in no file at all: not', async () => {
    expect(await find('ghcr.io')).toBeUndefined();
  });

  test("in docker's configuration, for Docker Hub under every spelling", async () => {
    await write('.docker/config.json', { auths: { [HUB_KEY]: entry(ANN), 'ghcr.io': entry(BOB) } });
    expect(await find('docker.io')).toEqual(ANN);
    expect(await find('registry-1.docker.io', 'library/nginx')).toEqual(ANN);
    expect(await find('ghcr.io', 'o/x')).toEqual(BOB);
    expect(await find('quay.io')).toBeUndefined();
  });

  test('in the folder that DOCKER_CONFIG names, and then in no other', async () => {
    await write('.docker/config.json', { auths: { 'ghcr.io': entry(ANN) } });
    env['DOCKER_CONFIG'] = path.join(home, 'other');
    expect(await find('ghcr.io')).toBeUndefined();
    await write('other/config.json', { auths: { 'ghcr.io': entry(BOB) } });
    expect(await find('ghcr.io')).toEqual(BOB);
  });

  test('in the files of containers, for a namespace only for that', async () => {
    env['XDG_RUNTIME_DIR'] = path.join(home, 'run');
    await write('run/containers/auth.json', { auths: { 'quay.io/org': entry(ANN) } });
    await write('.config/containers/auth.json', { auths: { 'quay.io': entry(BOB), 'quay.io/org': entry(BOB) } });
    expect(await find('quay.io', 'org/app')).toEqual(ANN);
    expect(await find('quay.io', 'other/app')).toEqual(BOB);
  });

  test('in REGISTRY_AUTH_FILE first, and then not in the other files of containers', async () => {
    env['REGISTRY_AUTH_FILE'] = path.join(home, 'named.json');
    await write('named.json', { auths: { 'a.io': entry(ANN) } });
    await write('.docker/config.json', { auths: { 'a.io': entry(BOB), 'b.io': entry(BOB) } });
    await write('.config/containers/auth.json', { auths: { 'c.io': entry(BOB) } });
    expect(await find('a.io')).toEqual(ANN);
    expect(await find('b.io')).toEqual(BOB);
    expect(await find('c.io')).toBeUndefined();
  });

  test('by the helper of the registry, else by the helper of all, else in the file', async () => {
    await installHelper();
    await writeFile(env['HELPER']!, '{"ServerURL":"ghcr.io","Username":"ann","Secret":"pa:ss"}');
    await write('.docker/config.json', { credHelpers: { 'ghcr.io': 'fake' }, auths: { 'quay.io': entry(BOB) } });
    expect(await find('ghcr.io')).toEqual({ ...ANN, lifetimeMs: 600_000 });
    expect(await find('quay.io')).toEqual(BOB);
    await write('.docker/config.json', { credsStore: 'fake', auths: { 'quay.io': entry(BOB), 'ghcr.io': {} } });
    expect(await find('ghcr.io')).toEqual({ ...ANN, lifetimeMs: 600_000 });
    expect(await find('quay.io')).toEqual(BOB);
    await write('.docker/config.json', { credsStore: 'fake', credHelpers: { 'ghcr.io': '' }, auths: {} });
    expect(await find('ghcr.io')).toBeUndefined();
  });

  test('anew when the file has changed', async () => {
    const store = new StoredCredentials({ env, homeFolder: home });
    expect(await store.find('ghcr.io')).toBeUndefined();
    await write('.docker/config.json', { auths: { 'ghcr.io': entry(ANN) } });
    expect(await store.find('ghcr.io')).toEqual(ANN);
    await write('.docker/config.json', { auths: { 'ghcr.io': { ...entry(BOB) } } });
    await utimes(dockerFile, 1, 1);
    expect(await store.find('ghcr.io')).toEqual(BOB);
  });
});

describe('a file that cannot be used is named', () => {
  test.each([
    ['{', 'is not JSON; repair it or move it away'],
    [{ auths: [] }, 'has something unexpected at "auths"; repair it or move it away'],
    [' '.repeat(1024 * 1024 + 1), 'cannot be read (it is larger than 1 MiB)'],
  ])('%.20j', async (content, what) => {
    await write('.docker/config.json', content);
    await expect(find('ghcr.io')).rejects.toThrow(new UsageError(`${dockerFile}, where logins are kept, ${what}`));
  });

  test('a folder in its place', async () => {
    await mkdir(dockerFile, { recursive: true });
    await expect(find('ghcr.io')).rejects.toThrow(`${dockerFile}, where logins are kept, cannot be read (EISDIR)`);
  });

  test('a device is no file with logins', async () => {
    env['REGISTRY_AUTH_FILE'] = '/dev/null';
    expect(await find('ghcr.io')).toBeUndefined();
  });
});

describe('a saved login', () => {
  const save = (registryHost: string, credentials: Credentials) =>
    saveLogin(registryHost, credentials, { env, homeFolder: home });
  const remove = (registryHost: string) => removeLogin(registryHost, { env, homeFolder: home });

  test("is in docker's configuration, which only its owner may read", async () => {
    expect(await save('ghcr.io', ANN)).toBe(dockerFile);
    expect(await find('ghcr.io')).toEqual(ANN);
    expect((await stat(dockerFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(dockerFile, 'utf8')).toBe(
      `{\n\t"auths": {\n\t\t"ghcr.io": {\n\t\t\t"auth": "${entry(ANN).auth}"\n\t\t}\n\t}\n}`,
    );
  });

  test('leaves everything else in the file as it was', async () => {
    const before = { HttpHeaders: { a: 'b' }, auths: { 'quay.io': { ...entry(BOB), email: 'x' } }, proxies: [1] };
    await write('.docker/config.json', before);
    await save('ghcr.io', ANN);
    expect(await readDockerFile()).toEqual({ ...before, auths: { ...before.auths, 'ghcr.io': entry(ANN) } });
    expect(await remove('ghcr.io')).toBe(dockerFile);
    expect(await readDockerFile()).toEqual(before);
  });

  test('for Docker Hub is under the key that docker has, and replaces every other spelling', async () => {
    await write('.docker/config.json', { auths: { 'docker.io': entry(BOB), 'https://registry-1.docker.io': {} } });
    await save('docker.io', ANN);
    expect(await readDockerFile()).toEqual({ auths: { [HUB_KEY]: entry(ANN) } });
  });

  test('may be an identity token', async () => {
    await save('ghcr.io', { identityToken: 'abc' });
    expect(await find('ghcr.io')).toEqual({ identityToken: 'abc' });
  });

  test('is with the helper that the configuration names, and not in the file', async () => {
    await installHelper();
    await write('.docker/config.json', { credsStore: 'fake', auths: { 'ghcr.io': entry(BOB) } });
    expect(await save('ghcr.io', ANN)).toBe('docker-credential-fake');
    expect(await readDockerFile()).toEqual({ credsStore: 'fake', auths: { 'ghcr.io': {} } });
    expect(await find('ghcr.io')).toMatchObject(ANN);
    expect(await remove('ghcr.io')).toBe('docker-credential-fake');
    expect(await readDockerFile()).toEqual({ credsStore: 'fake', auths: {} });
    expect(await find('ghcr.io')).toBeUndefined();
  });

  test('is in REGISTRY_AUTH_FILE where that is set', async () => {
    const file = path.join(home, 'new', 'named.json');
    env['REGISTRY_AUTH_FILE'] = file;
    expect(await save('docker.io', ANN)).toBe(file);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ auths: { 'docker.io': entry(ANN) } });
    expect(await find('docker.io')).toEqual(ANN);
  });

  test('goes through a symbolic link and leaves it one', async () => {
    await write('dotfiles/config.json', {});
    await mkdir(path.dirname(dockerFile));
    await symlink(path.join(home, 'dotfiles', 'config.json'), dockerFile);
    await save('ghcr.io', ANN);
    expect(JSON.parse(await readFile(path.join(home, 'dotfiles', 'config.json'), 'utf8'))).toHaveProperty('auths');
  });

  test('can be forgotten once', async () => {
    await save('https://ghcr.io/', ANN);
    expect(await remove('ghcr.io')).toBe(dockerFile);
    expect(await remove('ghcr.io')).toBeUndefined();
    expect(await find('ghcr.io')).toBeUndefined();
  });

  test('never replaces a file that could not be read', async () => {
    await write('.docker/config.json', '{ "auths": ');
    await expect(save('ghcr.io', ANN)).rejects.toThrow(UsageError);
    expect(await readFile(dockerFile, 'utf8')).toBe('{ "auths": ');
  });

  test.each(['', 'ghcr.io/org', 'not a host'])('is for a registry, which "%s" is not', async (registryHost) => {
    await expect(save(registryHost, ANN)).rejects.toThrow('write its host, such as ghcr.io or localhost:5000');
  });
});

describe.skipIf(!hasSkopeo())('skopeo (skipped where it is not installed)', () => {
  const loginOf = async (registryHost: string) => {
    const options = { env: { PATH: process.env['PATH'], HOME: home, ...env, XDG_RUNTIME_DIR: path.join(home, 'run') } };
    const { stdout } = await promisify(execFile)(SKOPEO, ['login', '--get-login', registryHost], options);
    return stdout.trim();
  };

  test.each(['docker.io', 'localhost:5000'])('finds the login for %s that was saved', async (registryHost) => {
    await saveLogin(registryHost, ANN, { env, homeFolder: home });
    expect(await loginOf(registryHost)).toBe('ann');
  });

  test('finds it in REGISTRY_AUTH_FILE', async () => {
    env['REGISTRY_AUTH_FILE'] = path.join(home, 'named.json');
    await saveLogin('docker.io', BOB, { env, homeFolder: home });
    expect(await loginOf('docker.io')).toBe('bob');
  });
});

function hasSkopeo(): boolean {
  return spawnSync(SKOPEO, ['--version']).status === 0;
}
