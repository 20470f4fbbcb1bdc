import { once } from 'node:events';
import { type ServerResponse, createServer } from 'node:http';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ScratchFolder, scratchFolder } from '../../test/support/programs/scratch-folder.ts';
import { parseReference } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientFinding } from './client-finding.ts';
import { CLIENT_TRIALS } from './client-trial.ts';

const MIRROR = 'https://mirror.example';

let scratch: ScratchFolder;
let env: Record<string, string>;

beforeEach(async () => {
  scratch = await scratchFolder('trial');
  env = { PATH: scratch.path, DOCKER_HOST: `unix://${scratch.path}/docker.sock` };
});
afterEach(() => scratch[Symbol.asyncDispose]());

async function tried(client: string, image = 'busybox', root?: string): Promise<readonly ClientFinding[]> {
  const configured = (place: string) => root && path.join(root, place);
  const options = { image: parseReference(image), mirrors: [MIRROR], env, configured };
  return (await CLIENT_TRIALS[client]?.(options)) ?? [];
}

describe('docker', () => {
  let mirrors: readonly string[];
  let pull: (response: ServerResponse) => void;

  beforeEach(async () => {
    mirrors = [`${MIRROR}/`];
    const server = createServer((request, response) => {
      if (request.url === '/info') response.end(JSON.stringify({ RegistryConfig: { Mirrors: mirrors } }));
      else pull(response);
    }).listen(path.join(scratch.path, 'docker.sock'));
    await once(server, 'listening');
    return () => {
      server.closeAllConnections();
      server.close();
    };
  });

  test('pulls, and has the mirror', async () => {
    pull = (response) => response.end('{"status":"Digest"}\n');
    expect(await tried('docker')).toEqual([{ state: 'ok', message: 'docker pulled docker.io/library/busybox:latest' }]);
  });

  test('that was not reloaded does not know the mirror', async () => {
    mirrors = [];
    pull = (response) => response.end();
    expect((await tried('docker'))[0]).toEqual({
      state: 'wrong',
      message: `the docker daemon does not know the mirror ${MIRROR}: it has none; reload it, or restart it`,
    });
  });

  test('that an organisation restricts is led round it', async () => {
    pull = (response) =>
      response.writeHead(403).end('{"message":"Access to docker.io has been restricted by your administrators."}');
    expect(await tried('docker', 'nginx:1')).toEqual([
      {
        state: 'wrong',
        message: expect.stringContaining('(Registry Access Management)') as string,
        wayRound: ['docker pull mirror.example/library/nginx:1', 'docker tag mirror.example/library/nginx:1 nginx:1'],
      },
    ]);
  });

  test('is not tried with what it would never ask a mirror for', async () => {
    await expect(tried('docker', 'ghcr.io/o/x:1')).rejects.toThrow(UsageError);
  });

  test('that is not there says so', async () => {
    env['DOCKER_HOST'] = 'unix:///no/such.sock';
    expect(await tried('docker')).toEqual([
      { state: 'wrong', message: expect.stringMatching(/^there is no docker daemon at \/no\/such\.sock/) as string },
    ]);
  });
});

describe('a client that is a program', () => {
  const install = async (name: string, script: string) => {
    await writeFile(path.join(scratch.path, name), `#!/bin/sh\n${script}\n`);
    await chmod(path.join(scratch.path, name), 0o755);
  };
  const trying = (place: string) => `echo 'level=debug msg="Trying to access \\"${place}\\""' >&2`;

  test('that is missing says so', async () => {
    const expected = (words: string) => ({ state: 'wrong', message: expect.stringContaining(words) as string });
    expect(await tried('podman')).toEqual([expected('neither podman nor skopeo is installed here')]);
    expect(await tried('k3s')).toEqual([expected('k3s is not installed here')]);
    expect((await tried('containerd'))[0]).toEqual(expected('ctr is not installed here'));
    expect((await tried('containerd'))[1]?.state).toBe('not tried');
  });

  test('pulls through the mirror', async () => {
    await install('podman', trying('mirror.example/library/busybox:latest'));
    expect(await tried('podman')).toEqual([
      { state: 'ok', message: 'podman pulled docker.io/library/busybox:latest through mirror.example' },
    ]);
  });

  test('pulls past the mirror, and it is known why', async () => {
    const failed = `echo 'level=debug msg="Accessing \\"mirror.example/x\\" failed: no such host"' >&2`;
    await install('podman', [trying('mirror.example/x'), failed, trying('docker.io/x')].join('\n'));
    expect((await tried('podman'))[0]?.message).toBe(
      'podman pulled docker.io/library/busybox:latest past the mirror, from docker.io/x: no such host',
    );
    await install('podman', trying('docker.io/x'));
    expect((await tried('podman'))[0]?.message).toMatch(/: its configuration does not name the mirror$/);
  });

  test('that fails is quoted, without what moves the cursor', async () => {
    await install('k3s', `printf 'progress\\nFATA[0001] pulling failed: \\033[31mno\\n' >&2; exit 1`);
    const [finding] = await tried('k3s');
    expect(finding?.state).toBe('wrong');
    expect(finding?.message).toMatch(/^k3s could not pull .*: pulling failed: .*no$/);
    expect(finding?.message).not.toContain('\u001B');
  });

  test('is told where its configuration is below a root', async () => {
    await install('skopeo', 'echo "level=fatal msg=\\"$*\\""; exit 1');
    expect((await tried('podman', 'busybox', '/mnt'))[0]?.message).toMatch(
      /--registries-conf \/mnt\/etc\/containers\/registries\.conf\.d\/wharf\.conf inspect/,
    );
  });
});
