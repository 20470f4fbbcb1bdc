// Clients that nobody configures but client-config: each pulls from two upstreams through the cache, by way of a first
// mirror that is down. docker, for which there are mirrors of docker.io alone, pulls from one.
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CacheWorld, openCacheWorld } from '../support/programs/cache-world.ts';
import { startContainerdOf } from '../support/programs/containerd.ts';
import { type Dockerd, startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { whyNoPrivateFolder, withFolderAt } from '../support/programs/private-folder.ts';
import { type Exit, runProgram } from '../support/programs/program.ts';
import { type ScratchFolder, scratchFolder } from '../support/programs/scratch-folder.ts';
import { startTlsFront } from '../support/programs/tls-front.ts';
import { until } from '../support/programs/until.ts';
import { WHARF } from '../support/programs/wharf.ts';

const NGINX = 'docker.io/library/nginx:1.29';
const APP = 'ghcr.io/owner/app:1';
/** Nothing listens there. */
const DOWN = 'http://127.0.0.1:9';

const missing =
  whyNoDockerd() ??
  whyNoPrivateFolder() ??
  missingPrograms('dockerd', 'docker', 'containerd', 'ctr', 'podman', 'buildah', 'skopeo', 'openssl');

describe.skipIf(missing !== undefined)(`client-config${skipNote(missing)}`, () => {
  let world: CacheWorld;
  let scratch: ScratchFolder;
  let origin: Readonly<Record<string, string>>;

  beforeAll(async () => {
    world = await openCacheWorld();
    scratch = await scratchFolder('clients');
    origin = Object.fromEntries(world.images.map(({ name, digest }) => [name, digest]));
  });
  afterAll(async () => {
    await scratch[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const run = (args: readonly string[], env?: Readonly<Record<string, string>>) =>
    world.wharf.run(['client-config', ...args], env);
  const mirrors = () => ['--mirror', DOWN, '--mirror', world.url];
  const rootOf = async (client: string) => {
    const root = path.join(scratch.path, client);
    await mkdir(root);
    return root;
  };

  describe('docker', () => {
    let root: string;
    let dockerd: Dockerd;
    const file = () => path.join(root, 'etc/docker/daemon.json');
    const theirs = '{\n    "log-level": "warn",\n    "max-concurrent-downloads": 2\n}\n';

    beforeAll(async () => {
      root = await rootOf('docker');
      await mkdir(path.dirname(file()), { recursive: true });
      await writeFile(file(), theirs);
      succeeded(await run(['docker', ...mirrors(), '--root', root, '--write', '--yes']));
      dockerd = await startDockerd({ configFile: file() });
    });
    afterAll(() => dockerd[Symbol.asyncDispose]());

    const check = (...flags: readonly string[]) =>
      run(['docker', '--mirror', world.url, '--check', '--image', NGINX, ...flags], { DOCKER_HOST: dockerd.host });

    test('pulls with what was merged into its daemon.json', async () => {
      const { stdout } = succeeded(await dockerd.docker('pull', NGINX));
      expect(/^Digest: (\S+)$/m.exec(stdout)?.[1]).toBe(origin[NGINX]);
      expect(JSON.parse(await readFile(file(), 'utf8'))).toEqual({
        'log-level': 'warn',
        'max-concurrent-downloads': 2,
        'registry-mirrors': [DOWN, world.url],
      });
    });

    test('is found good by --check', async () => {
      const { stdout } = succeeded(await check());
      expect(stdout).toBe(
        `ok         ${world.url} answers as a registry does\nok         ${world.url} has ${NGINX}\nok         docker pulled ${NGINX}\n`,
      );
    });

    test('has its own file again after --undo, and --check sees that it forgot the mirror once it was restarted', async () => {
      const { stderr } = succeeded(await run(['docker', '--root', root, '--undo', '--yes']));
      // On a reload it would keep mirrors that the file no longer names.
      expect(stderr).toContain('then run: systemctl restart docker\n');
      expect(await readFile(file(), 'utf8')).toBe(theirs);
      expect(await readdir(path.dirname(file()))).toEqual(['daemon.json']);
      await dockerd[Symbol.asyncDispose]();
      dockerd = await startDockerd({ configFile: file() });
      const { code, stdout } = await check();
      expect(code).toBe(1);
      expect(stdout).toContain(`the docker daemon does not know the mirror ${world.url}: it has none`);
    });

    test('goes to Docker Hub by itself when the mirror is down, as is said of it', async () => {
      const { stderr } = succeeded(await run(['docker', '--mirror', DOWN, '--root', root, '--write', '--yes']));
      expect(stderr).toContain('docker goes to Docker Hub by itself');
      dockerd.reload();
      await until(async () => (await dockerd.docker('info')).stdout.includes(DOWN));
      const { code, stderr: reason } = await dockerd.docker('pull', 'docker.io/library/alpine:3.22');
      expect(code).not.toBe(0);
      expect(reason).toContain('registry-1.docker.io');
    });
  });

  describe('containerd', () => {
    let etc: string;

    beforeAll(async () => {
      const root = await rootOf('containerd');
      etc = path.join(root, 'etc/containerd');
      await mkdir(etc, { recursive: true });
      const theirs = 'version = 2\n\n[plugins."io.containerd.grpc.v1.cri".cni]\n  conf_dir = "/etc/cni/net.d" # ours\n';
      await writeFile(path.join(etc, 'config.toml'), theirs);
      succeeded(await run(['containerd', ...mirrors(), '--root', root, '--write', '--yes']));
    });

    test('pulls by ctr, and by the plugin through which Kubernetes pulls', async () => {
      expect(await readFile(path.join(etc, 'config.toml'), 'utf8')).toContain('conf_dir = "/etc/cni/net.d" # ours');
      await using containerd = await startContainerdOf(etc);
      for (const image of [NGINX, APP]) {
        succeeded(await containerd.pull(image));
        expect(await containerd.pullByCri(image)).toMatchObject({ status: 0 });
        for (const namespace of ['default', 'k8s.io']) {
          const { stdout } = await containerd.ctr('--namespace', namespace, 'image', 'list', `name==${image}`);
          expect(stdout).toContain(origin[image]);
        }
      }
    });

    test('asks the mirror for registries that it has no file for', async () => {
      const root = await rootOf('containerd-default');
      succeeded(await run(['containerd', ...mirrors(), '--upstream', 'docker.io', '--root', root, '--write', '--yes']));
      const own = path.join(root, 'etc/containerd');
      expect((await readdir(path.join(own, 'certs.d'))).toSorted()).toEqual(['_default', 'docker.io']);
      await using containerd = await startContainerdOf(own);
      succeeded(await containerd.pull(APP));
      expect(await containerd.pullByCri('quay.io/team/tool:2')).toMatchObject({ status: 0 });
    });

    test('goes to the registry itself when the mirror is down, as is said of it', async () => {
      const root = await rootOf('containerd-down');
      const { stderr } = succeeded(await run(['containerd', '--mirror', DOWN, '--root', root, '--write', '--yes']));
      expect(stderr).toContain('containerd goes to the registry of its name');
      await using containerd = await startContainerdOf(path.join(root, 'etc/containerd'));
      const { code } = await containerd.pull('quay.io/team/tool:2');
      expect(code).not.toBe(0);
      const { status, message } = await containerd.pullByCri('quay.io/team/tool:2');
      expect(status).not.toBe(0);
      // It names the first that it asked.
      expect(message).toContain(new URL(DOWN).host);
    });
  });

  test('containerd pulls over TLS by an authority of our own, and --check sees it, and what is wrong without', async () => {
    await using front = await startTlsFront(world.host);
    const root = await rootOf('containerd-tls');
    const flags = ['containerd', '--mirror', front.url, '--root', root];
    succeeded(await run([...flags, '--ca', front.caFile, '--write', '--yes']));
    await using containerd = await startContainerdOf(path.join(root, 'etc/containerd'));
    succeeded(await containerd.pull(NGINX));
    expect(await containerd.pullByCri(APP)).toMatchObject({ status: 0 });
    const check = (...more: readonly string[]) =>
      run([...flags, '--check', '--image', APP, ...more], { CONTAINERD_ADDRESS: containerd.socket });
    const { stdout } = succeeded(await check('--ca', front.caFile));
    expect(stdout).toContain(`ok         containerd pulled ${APP} through ${new URL(front.url).host}\n`);
    const distrusting = await check();
    expect(distrusting.code).toBe(1);
    expect(distrusting.stdout).toContain('shows a certificate that this machine does not trust');
  });

  describe.each(['podman', 'buildah', 'skopeo'] as const)('%s', (client) => {
    let root: string;
    const dropIns = () => path.join(root, 'etc/containers/registries.conf.d');

    beforeAll(async () => {
      root = await rootOf(client);
      const how = client === 'podman' ? ['--root', root, '--write', '--yes'] : ['--out', root];
      succeeded(await run([client, ...mirrors(), ...how]));
    });

    const at = (...args: readonly string[]) => {
      const storage = [
        '--root',
        path.join(root, 'storage'),
        '--runroot',
        path.join(root, 'run'),
        '--storage-driver=vfs',
      ];
      const flags = client === 'skopeo' ? [] : storage;
      const [unshare, ...rest] = withFolderAt(
        dropIns(),
        '/etc/containers/registries.conf.d',
        client,
        ...flags,
        ...args,
      );
      return runProgram(unshare, rest, { env: { HOME: root } });
    };
    const digestOfPulled = async (image: string) => {
      if (client === 'skopeo') return await at('inspect', '--no-tags', '--format', '{{.Digest}}', `docker://${image}`);
      succeeded(await at('pull', image));
      if (client === 'podman') return await at('image', 'inspect', '--format', '{{.Digest}}', image);
      return await at('images', '--no-trunc', '--format', '{{.Digest}}', image);
    };

    test('pulls from two upstreams', async () => {
      for (const image of [NGINX, APP]) {
        const { stdout } = succeeded(await digestOfPulled(image));
        expect(stdout.trim()).toBe(origin[image]);
      }
    });

    test('goes to the registry itself when the mirror is down, as is said of it', async () => {
      const { stdout, stderr } = succeeded(await run([client, '--mirror', DOWN]));
      expect(stderr).toContain(`${client} goes to the registry of its name`);
      await writeFile(path.join(dropIns(), 'wharf.conf'), stdout);
      const { code, stderr: reason } = await at(
        ...(client === 'skopeo' ? ['inspect', 'docker://quay.io/team/tool:2'] : ['pull', 'quay.io/team/tool:2']),
      );
      expect(code).not.toBe(0);
      expect(reason).toMatch(/quay\.io\/v2/);
    });
  });

  describe('podman --check', () => {
    let root: string;
    let env: Readonly<Record<string, string>>;
    const check = () => run(['podman', '--mirror', world.url, '--root', root, '--check', '--image', APP], env);

    beforeAll(async () => {
      root = await rootOf('podman-check');
      env = { CONTAINERS_STORAGE_CONF: path.join(root, 'storage.conf') };
      const [graph, run] = [path.join(root, 'storage'), path.join(root, 'run')];
      await writeFile(
        path.join(root, 'storage.conf'),
        `[storage]\ndriver = "vfs"\ngraphroot = "${graph}"\nrunroot = "${run}"\n`,
      );
    });

    test('says that the image came through the mirror', async () => {
      succeeded(await run(['podman', '--mirror', world.url, '--root', root, '--write', '--yes']));
      const { stdout } = succeeded(await check());
      expect(stdout).toContain(`podman pulled ${APP} through ${world.host}\n`);
    });

    test('says that it did not, after --undo', async () => {
      succeeded(await run(['podman', '--root', root, '--undo', '--yes']));
      await mkdir(path.join(root, 'etc/containers/registries.conf.d'), { recursive: true });
      await writeFile(path.join(root, 'etc/containers/registries.conf.d/wharf.conf'), '');
      const { code, stdout } = await check();
      expect(code).toBe(1);
      expect(stdout).toMatch(/wrong +podman could not pull ghcr\.io\/owner\/app:1: .*ghcr\.io/);
    });
  });

  test('one who may not write is told the command that may', async () => {
    const root = await rootOf('refused');
    await mkdir(path.join(root, 'etc/docker'), { recursive: true });
    const flags = ['client-config', 'docker', '--mirror', world.url, '--root', root, '--write', '--yes'];
    await chmod(scratch.path, 0o755);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
    const { code, stderr } = await runProgram('setpriv', [...nobody, process.execPath, WHARF, ...flags], { cwd: '/' });
    expect(code).toBe(2);
    expect(stderr).toContain(
      `etc/docker/daemon.json cannot be written (EACCES); run: sudo wharf client-config docker --mirror ${world.url} --write --yes --root ${root}\n`,
    );
  });

  test.each([
    ['docker', 'etc/docker/daemon.json', '{ "log-level": "warn", }'],
    ['podman', 'etc/containers/registries.conf.d/wharf.conf', '[[registry]\n'],
    ['k3s', 'etc/rancher/k3s/registries.yaml', 'mirrors: [\n'],
  ])('a file of %s that a person broke is left as it is', async (client, name, text) => {
    const root = await rootOf(`broken-${client}`);
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
    const { code, stderr } = await run([client, ...mirrors(), '--root', root, '--write', '--yes']);
    expect(code).toBe(2);
    expect(stderr).toContain(`/${name} is left as it is, as `);
    expect(await readFile(file, 'utf8')).toBe(text);
    expect(await readdir(path.dirname(file))).toEqual([path.basename(file)]);
  });
});

function succeeded(exit: Exit): Exit {
  if (exit.code !== 0) throw new Error(`the program ended with ${exit.code}: ${exit.stderr}${exit.stdout}`);
  return exit;
}
