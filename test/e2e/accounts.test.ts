// The clients that people have log in, push and pull; each has what policy gives its account, and no more.
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { htpasswdOf, loginOf } from '../support/hosted/account-world.ts';
import { type AccountsWorld, PRIVATE, openAccountsWorld } from '../support/programs/accounts-world.ts';
import { startContainerd } from '../support/programs/containerd.ts';
import { startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { openPodman } from '../support/programs/podman.ts';
import { type Exit, runProgram } from '../support/programs/program.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { until } from '../support/programs/until.ts';
import { openWharf } from '../support/programs/wharf.ts';

const passwordOf = (name: string) => loginOf(name).slice(name.length + 1);
/** What containerd has pulled of an index, it can push. */
const PLATFORM = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`;
const REFUSED =
  /denied|unauthorized|authentication required|authorization failed|403 Forbidden|401 Unauthorized|invalid username/i;

/** What a client was refused for want of a right, and not because something broke. */
function expectRefused({ code, stdout, stderr }: Exit): void {
  expect(code).not.toBe(0);
  expect(stderr + stdout).toMatch(REFUSED);
}

function expectDone({ code, stdout, stderr }: Exit): void {
  expect(code === 0 ? '' : stderr + stdout).toBe('');
}

/** A client of one person each, which keeps logins apart. */
interface Person {
  login(password?: string): Promise<Exit>;
  logout(): Promise<Exit>;
  pull(image: string): Promise<Exit>;
  pushAs(image: string, target: string): Promise<Exit>;
}

async function walkThrough({ host }: AccountsWorld, personOf: (name: string) => Person): Promise<void> {
  const [ann, bob] = ['ann', 'bob'].map(personOf) as [Person, Person];
  const [public_, private_, target] = ['library/nginx:1.29', `${PRIVATE}:8.2`, 'team/app:1'].map(
    (name) => `${host}/${name}`,
  ) as [string, string, string];
  expectRefused(await ann.login('not-the-password'));
  expectDone(await ann.pull(public_));
  expectRefused(await ann.pull(private_));
  expectDone(await ann.login());
  expectDone(await ann.pull(private_));
  expectDone(await ann.pushAs(public_, target));
  expectDone(await bob.login());
  expectDone(await bob.pull(target));
  expectRefused(await bob.pushAs(target, target));
  expectRefused(await bob.pull(private_));
  expectDone(await bob.logout());
  expectRefused(await bob.pull(target));
}

const noDocker = whyNoDockerd() ?? missingPrograms('dockerd', 'docker');
describe.skipIf(noDocker !== undefined)(`docker${skipNote(noDocker)}`, () => {
  test('logs in, pushes and pulls', async () => {
    await using world = await openAccountsWorld();
    await using dockerd = await startDockerd();
    await using folder = await scratchFolder('docker-config');
    await walkThrough(world, (name) => {
      const docker = (...args: readonly string[]) => dockerd.docker('--config', `${folder.path}/${name}`, ...args);
      return {
        login: (password = passwordOf(name)) => docker('login', '--username', name, '--password', password, world.host),
        logout: () => docker('logout', world.host),
        // What the daemon has already it does not ask for.
        pull: async (image) => {
          await docker('image', 'rm', '--force', image);
          return await docker('pull', image);
        },
        pushAs: async (image, target) => {
          await docker('tag', image, target);
          return await docker('push', target);
        },
      };
    });
  });
});

const noPodman = process.getuid?.() === 0 ? missingPrograms('podman') : 'podman needs root';
describe.skipIf(noPodman !== undefined)(`podman${skipNote(noPodman)}`, () => {
  test('logs in, pushes and pulls', async () => {
    await using world = await openAccountsWorld();
    await using podman = await openPodman('unqualified-search-registries = []\n');
    await using folder = await scratchFolder('podman-logins');
    for (const name of ['ann', 'bob']) await writeFile(`${folder.path}/${name}.json`, '{}');
    await walkThrough(world, (name) => {
      const auth = ['--authfile', `${folder.path}/${name}.json`];
      const plain = [...auth, '--tls-verify=false'];
      return {
        login: (password = passwordOf(name)) =>
          podman.podman('login', ...plain, '--username', name, '--password', password, world.host),
        logout: () => podman.podman('logout', ...auth, world.host),
        pull: (image) => podman.podman('pull', ...plain, image),
        pushAs: (image, target) => podman.podman('push', ...plain, image, target),
      };
    });
  });
});

const noContainerd = whyNoDockerd() ?? missingPrograms('containerd', 'ctr');
describe.skipIf(noContainerd !== undefined)(`containerd${skipNote(noContainerd)}`, () => {
  test('gets its tokens with an account, and without one', async () => {
    await using world = await openAccountsWorld();
    await using containerd = await startContainerd({});
    const image = (verb: 'pull' | 'push', login: string | undefined, ...names: readonly string[]) => {
      const flags = ['--plain-http', ...(login === undefined ? [] : ['--user', login])];
      const more = verb === 'pull' ? ['--snapshotter', 'native'] : ['--platform', PLATFORM];
      return containerd.ctr('image', verb, ...flags, ...more, ...names);
    };
    const [public_, private_, target] = ['library/nginx:1.29', `${PRIVATE}:8.2`, 'team/app:1'].map(
      (name) => `${world.host}/${name}`,
    ) as [string, string, string];
    expectDone(await image('pull', undefined, public_));
    expectRefused(await image('pull', undefined, private_));
    expectRefused(await image('pull', 'ann:not-the-password', private_));
    expectDone(await image('pull', loginOf('ann'), private_));
    expectDone(await image('push', loginOf('ann'), target, public_));
    expectDone(await image('pull', loginOf('bob'), target));
    expectRefused(await image('push', loginOf('bob'), `${world.host}/team/app:2`, private_));
    expectRefused(await image('pull', loginOf('bob'), private_));
  });
});

const noSkopeo = missingPrograms('skopeo');
describe.skipIf(noSkopeo !== undefined)(`skopeo${skipNote(noSkopeo)}`, () => {
  const skopeo = (...args: readonly string[]) => runProgram('skopeo', args);
  const credentials = (login: string | undefined) => (login === undefined ? ['--no-creds'] : ['--creds', login]);
  const inspect = (at: string, login?: string) =>
    skopeo('inspect', '--raw', '--tls-verify=false', ...credentials(login), `docker://${at}`);

  test('copies and deletes with the token of a robot, until it is revoked', async () => {
    await using world = await openAccountsWorld();
    const { host, succeed } = world;
    await succeed('user', 'add', 'ci', '--robot');
    const secret = (await succeed('user', 'token', 'create', 'ci', '--description', 'the pipeline')).stdout.trim();
    const robot = `ci:${secret}`;
    const [source, target] = [`docker://${host}/library/nginx:1.29`, `docker://${host}/team/app:1`];
    const flags = ['--all', '--preserve-digests', '--src-tls-verify=false', '--dest-tls-verify=false'];
    const copy = (login: string) => skopeo('copy', ...flags, '--src-no-creds', '--dest-creds', login, source, target);
    expectRefused(await copy(loginOf('bob')));
    expectDone(await copy(robot));
    expectDone(await inspect(`${host}/team/app:1`, loginOf('bob')));
    const remove = (login: string) => skopeo('delete', '--tls-verify=false', '--creds', login, target);
    expectRefused(await remove(loginOf('bob')));
    expectDone(await remove(robot));

    const [id = ''] = /^[0-9a-f]{8}/m.exec((await succeed('user', 'token', 'list')).stdout) ?? [];
    await succeed('user', 'token', 'revoke', id);
    await until(async () => (await inspect(`${host}/library/nginx:1.29`, robot)).code !== 0);
    expectRefused(await inspect(`${host}/library/nginx:1.29`, robot));
    expectDone(await inspect(`${host}/library/nginx:1.29`));
  });

  test('finds another password as soon as the htpasswd file has it', async () => {
    await using world = await openAccountsWorld();
    const at = `${world.host}/${PRIVATE}:8.2`;
    expectDone(await inspect(at, loginOf('ann')));
    await writeFile(world.htpasswd, htpasswdOf('ann').replace('ann', 'eve'));
    await until(async () => (await inspect(at, loginOf('ann'))).code !== 0);
    expectRefused(await inspect(at, loginOf('ann')));
  });
});

describe('a sync from elsewhere', () => {
  test("fills what is an upstream's with an account that may, and stops at the first with one that may not", async () => {
    await using world = await openAccountsWorld();
    const { hub } = world;
    await using other = await openWharf({ registryUrl: hub.registryUrl, apiUrl: hub.apiUrl });
    const sync = (name: string) =>
      other.run(['sync', '--images', 'python:3.14'], {
        REGISTRY_DOMAIN: world.host,
        REGISTRY_USER: name,
        REGISTRY_PASSWORD: passwordOf(name),
      });
    const refused = await sync('ann');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/denies access to an upload to library.python/);
    expectDone(await sync('sam'));
    const answer = await fetch(`${world.url}/v2/library/python/manifests/3.14`, {
      headers: { authorization: `Basic ${Buffer.from(loginOf('ann')).toString('base64')}` },
    });
    expect(answer.status).toBe(200);
  });
});
