// The clients that people have, against a registry of ours: what one pushes, all the others pull.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Dockerd, startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type Exit, type RunningProgram, runProgram } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { type ScratchFolder, scratchFolder } from '../support/programs/scratch-folder.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const missing = whyNoDockerd() ?? missingPrograms('dockerd', 'docker', 'ctr', 'podman', 'skopeo', 'umoci');

describe.skipIf(missing !== undefined)(`docker, podman, containerd and umoci${skipNote(missing)}`, () => {
  let folder: ScratchFolder;
  let wharf: Wharf;
  let server: RunningProgram;
  let dockerd: Dockerd;
  let host: string;
  let digest: string;

  beforeAll(async () => {
    folder = await scratchFolder('clients');
    wharf = await openWharf();
    server = await wharf.start(['serve', '--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off']);
    host = new URL((await server.firstLine).replace('listening on ', '')).host;
    dockerd = await startDockerd();
    const file = path.join(folder.path, 'root.tar');
    await writeFile(path.join(folder.path, 'content'), 'what the image is about\n'.repeat(20_000));
    await succeeds('tar', '-C', folder.path, '-cf', file, 'content');
    await docker('import', file, `${host}/team/app:1`);
    const pushed = await docker('push', `${host}/team/app:1`);
    digest = /sha256:[0-9a-f]{64}/.exec(pushed)?.[0] ?? '';
  });
  afterAll(async () => {
    await dockerd[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await wharf[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const docker = async (...args: readonly string[]) => succeeded(await dockerd.docker(...args));
  const podman = (...args: readonly string[]) => {
    const roots = ['--root', path.join(folder.path, 'podman'), '--runroot', path.join(folder.path, 'podman-run')];
    return succeeds('podman', ...roots, '--storage-driver', 'vfs', ...args);
  };
  const ctr = (...args: readonly string[]) => succeeds('ctr', '--address', dockerd.containerdSocket, ...args);
  const digestAt = (repository: string, tag: string) => new RegistryProbe(`http://${host}`).digest(repository, tag);

  test('docker pushes, pulls its own push back, and mounts layers that another repository has', async () => {
    expect(await digestAt('team/app', '1')).toBe(digest);
    await docker('rmi', `${host}/team/app:1`);
    expect(await docker('pull', `${host}/team/app:1`)).toContain(digest);
    await docker('tag', `${host}/team/app:1`, `${host}/other/app:2`);
    expect(await docker('push', `${host}/other/app:2`)).toContain('Mounted from team/app');
  });

  test('podman pulls it and pushes it elsewhere', async () => {
    await podman('pull', '--tls-verify=false', `${host}/team/app:1`);
    await podman('push', '--tls-verify=false', `${host}/team/app:1`, `${host}/podman/app:3`);
    expect(await digestAt('podman/app', '3')).toMatch(/^sha256:/);
  });

  test('containerd pulls it and pushes it with the same digest', async () => {
    await ctr('image', 'pull', '--plain-http', `${host}/team/app:1`);
    await ctr('image', 'tag', `${host}/team/app:1`, `${host}/ctr/app:4`);
    await ctr('image', 'push', '--plain-http', `${host}/ctr/app:4`);
    expect(await digestAt('ctr/app', '4')).toBe(digest);
  });

  test('umoci reads the layout that skopeo makes of it', async () => {
    const layout = path.join(folder.path, 'layout');
    await succeeds('skopeo', 'copy', '--src-tls-verify=false', `docker://${host}/team/app:1`, `oci:${layout}:1`);
    expect(await succeeds('umoci', 'stat', '--image', `${layout}:1`)).toContain('LAYER');
  });
});

async function succeeds(program: string, ...args: readonly string[]): Promise<string> {
  return succeeded(await runProgram(program, args));
}

function succeeded({ code, stdout, stderr }: Exit): string {
  if (code !== 0) throw new Error(`the program ended with ${code}: ${stderr}${stdout}`);
  return stdout + stderr;
}
