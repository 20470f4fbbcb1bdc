import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, scratchFolder } from '../../../test/support/programs/scratch-folder.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { CLIENTS } from '../../client-config/clients.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { main } from '../main.ts';
import type { Terminal } from '../terminal.ts';

const MIRROR = ['--mirror', 'https://mirror.example'];

let scratch: ScratchFolder;
beforeEach(async () => {
  scratch = await scratchFolder('client-config');
});
afterEach(() => scratch[Symbol.asyncDispose]());

async function run(args: readonly string[], more: Partial<Terminal> = {}) {
  const { terminal, said } = recordingTerminal(scratch.path);
  const exitCode = await main(['client-config', ...args], { ...terminal, ...more });
  return { ...said, exitCode };
}

const at = (...names: readonly string[]) => path.join(scratch.path, ...names);

describe('without a client', () => {
  test('all are listed, one a line', async () => {
    const { out, exitCode } = await run([]);
    expect(exitCode).toBe(0);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(Object.keys(CLIENTS));
    const listed = JSON.parse((await run(['--json'])).out) as { clients: readonly unknown[] };
    expect(listed.clients[0]).toEqual({ name: 'docker', describe: CLIENTS.docker.describe });
  });

  test('a slip of the keys is understood', async () => {
    expect(await run(['dokcer', ...MIRROR])).toEqual({
      out: '',
      err: 'wharf: there is no client "dokcer"; did you mean docker?\n',
      exitCode: 2,
    });
  });

  test('one that is like none is told all', async () => {
    const { out, err, exitCode } = await run(['rocket-launcher', ...MIRROR]);
    expect([out, exitCode]).toEqual(['', 2]);
    expect(err).toMatch(/^docker .*\n[^]*\nwharf: there is no client "rocket-launcher"; these are there\n$/);
  });
});

describe('what is printed', () => {
  test('is one valid file, and all else goes to the standard error', async () => {
    const { out, err } = await run(['docker', ...MIRROR, '--mirror', 'docker.io=http://10.0.0.5:5000']);
    expect(JSON.parse(out)).toEqual({ 'registry-mirrors': ['https://mirror.example', 'http://10.0.0.5:5000'] });
    expect(err).toContain('note: this is /etc/docker/daemon.json\n');
    expect(err).toContain('then run: systemctl reload docker\n');
    expect(err).toContain('try it with: docker pull busybox\n');
  });

  test('is a shell script that writes several', async () => {
    const { out } = await run(['containerd', ...MIRROR, '--upstream', 'docker.io', '--upstream', 'ghcr.io']);
    const root = at('root');
    await mkdir(root);
    // What it writes to /etc, it writes below the root here.
    execFileSync('sh', ['-c', out.replaceAll('/etc/', `${root}/etc/`)]);
    expect((await readdir(`${root}/etc/containerd/certs.d`)).toSorted()).toEqual(['_default', 'docker.io', 'ghcr.io']);
  });

  test('is all of it as JSON', async () => {
    const { out, err } = await run(['podman', ...MIRROR, '--json']);
    expect(err).toBe('');
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      client: 'podman',
      files: [{ path: '/etc/containers/registries.conf.d/wharf.conf', format: 'toml' }],
      reload: [],
      trial: 'podman pull docker.io/library/busybox:latest',
    });
  });

  test('is a tree of files, which writes over nothing', async () => {
    const args = ['k3s', ...MIRROR, '--out', 'node'];
    expect(await run(args)).toMatchObject({ out: 'node/etc/rancher/k3s/registries.yaml\n', exitCode: 0 });
    const file = at('node/etc/rancher/k3s/registries.yaml');
    expect(await readFile(file, 'utf8')).toContain('https://mirror.example');
    expect(await run(args)).toMatchObject({ exitCode: 0 });
    await writeFile(file, 'theirs');
    const { err, exitCode } = await run(args);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/is there already, and says something else; choose another folder\n$/);
    expect(await readFile(file, 'utf8')).toBe('theirs');
  });

  test('is for the upstreams of a configuration, at the hosts that it gives them', async () => {
    await writeFile(at('wharf.yaml'), 'upstreams: { docker.io: { hosts: [docker.mirror.example] }, quay.io: off }\n');
    const { out } = await run(['podman', ...MIRROR, '--config', 'wharf.yaml']);
    expect(out).toContain('location = "docker.mirror.example"');
    expect(out).toContain('location = "mirror.example/ghcr.io"');
    expect(out).not.toContain('quay.io');
  });
});

describe('what is refused', () => {
  test.each([
    [['docker'], /mirror/],
    [['docker', ...MIRROR, '--write', '--check'], /--write and --check do not go together; choose one/],
    [['docker', ...MIRROR, '--upstream', 'ghrc.io'], /no mirror is for "ghrc\.io"; did you mean ghcr\.io\?/],
    [['buildkit', ...MIRROR, '--write'], /only those of docker, containerd, podman, k3s; redirect the output/],
    [['buildkit', '--undo'], /only those of docker, containerd, podman, k3s/],
    [['kind', ...MIRROR, '--check'], /kind cannot be tried from here; there are docker, containerd, podman, k3s/],
    [['podman', '--mirror', 'quay.io=https://m.example', '--check', '--image', 'nginx'], /no mirror is for docker\.io/],
    [['podman', ...MIRROR, '--check', '--image', 'x/NAME:TAG'], /is no image to pull; say one with --image/],
    [['docker', ...MIRROR, '--write', '--root', 'nowhere'], /cannot be found \(ENOENT\)/],
  ])('%j', async (args, message) => {
    const { out, err, exitCode } = await run(args);
    expect([out, exitCode]).toEqual(['', 2]);
    expect(err).toMatch(message);
  });
});

describe('--write', () => {
  const write = ['docker', ...MIRROR, '--root', 'root', '--write'];
  const file = () => at('root/etc/docker/daemon.json');
  const answering = (answer: string, asked: string[] = []): Partial<Terminal> => ({
    ask: (question) => {
      asked.push(question);
      return Promise.resolve(answer);
    },
  });

  beforeEach(async () => {
    await mkdir(at('root/etc/docker'), { recursive: true });
    await writeFile(file(), '{\n  "log-level": "warn"\n}\n');
  });

  test('shows the difference, and asks', async () => {
    const asked: string[] = [];
    const { out, err } = await run(write, answering('n', asked));
    expect(asked).toEqual([`Write ${file()}? [y/N] `]);
    expect(err).toContain('\n+    "https://mirror.example"\n');
    expect(out).toBe('docker is as it was; nothing was written\n');
    expect(await readdir(path.dirname(file()))).toEqual(['daemon.json']);
  });

  test('writes, keeps what was there, and says how to reload; then nothing is left to do', async () => {
    const { out, err } = await run(write, answering('y'));
    expect(out).toMatch(/^wrote .*daemon\.json; what was there is kept in .*daemon\.json\.wharf-backup-\w+\n$/);
    expect(err).toContain('then run: systemctl reload docker\n');
    expect(JSON.parse(await readFile(file(), 'utf8'))).toEqual({
      'log-level': 'warn',
      'registry-mirrors': ['https://mirror.example'],
    });
    expect((await run(write)).out).toBe('docker is configured so already; nothing was written\n');
  });

  test('says what it did as JSON', async () => {
    const { out } = await run([...write, '--yes', '--json']);
    expect(JSON.parse(out)).toMatchObject({ version: 1, client: 'docker', written: [{ place: file() }] });
    expect(JSON.parse((await run([...write, '--yes', '--json'])).out)).toMatchObject({ written: [] });
  });

  test('is not done where nobody can be asked', async () => {
    const nobody = { ask: () => Promise.reject(new UsageError('the input is not a terminal')) };
    const { err, exitCode } = await run(write, nobody);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/nobody is there to be asked, so nothing was changed; .* say --yes\n$/);
  });

  test('is taken back by --undo, unless somebody changed the file since', async () => {
    const undo = ['docker', '--undo', '--root', 'root'];
    await run([...write, '--yes']);
    const ours = await readFile(file(), 'utf8');
    await writeFile(file(), '{}\n');
    const refused = await run(undo);
    expect(refused.exitCode).toBe(2);
    expect(refused.err).toMatch(/-\{\}\n[^]*was changed since Wharf wrote it/);
    await writeFile(file(), ours);
    expect((await run(undo, answering('y'))).out).toBe(`put back ${file()}\n`);
    expect(await readFile(file(), 'utf8')).toBe('{\n  "log-level": "warn"\n}\n');
    expect((await run(undo)).out).toBe('docker has nothing to undo: there is no write of Wharf\n');
  });

  test("is for the user's own files with --user", async () => {
    const { out } = await run(['podman', ...MIRROR, '--user', '--write', '--yes']);
    expect(out).toBe(`wrote ${at('.config/containers/registries.conf.d/wharf.conf')}\n`);
    expect((await run(['podman', '--user', '--undo', '--yes'])).out).toMatch(/^removed /);
  });
});
