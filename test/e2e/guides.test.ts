// What the guides say, done: each block of commands of a guide is run, in both languages.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateAuthority } from '../support/programs/certificates.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { startDockerd } from '../support/programs/dockerd.ts';
import { freePort } from '../support/programs/free-port.ts';
import { GuideFollower, readGuide, titleOf } from '../support/programs/guide.ts';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { WHARF } from '../support/programs/wharf.ts';

/** What cannot be had here; what these programs are given is checked where it is made. */
const MISSING: Readonly<Record<string, string>> = {
  k3d: "k3d is not among Debian's programs",
  minikube: "minikube is not among Debian's programs",
  mihomo: "neither clash nor mihomo is among Debian's programs",
  terminal: 'it asks for a password',
};
const missing = missingPrograms('docker-registry', 'dockerd', 'docker', 'nginx', 'caddy', 'openssl');

interface World extends AsyncDisposable {
  readonly follower: GuideFollower;
}

type OpenWorld = (hub: HubProcess, opened: AsyncDisposableStack) => Promise<GuideFollower>;

/** A cache and a registry beside it, both on this machine. */
const openPlainWorld: OpenWorld = async (hub, opened) => {
  const registry = opened.use(await startDockerRegistry());
  const folder = opened.use(await scratchFolder('guide'));
  await writeFile(path.join(folder.path, 'wharf.yaml'), JSON.stringify(settingsOf(hub)));
  const cache = `127.0.0.1:${await freePort()}`;
  const replaced = [
    ['0.0.0.0:5000', cache],
    ['wharf serve\n', `wharf serve --listen ${cache}\n`],
    ['172.17.0.1:5000', cache],
    ['registry.example.com', registry.url],
    ['--library', `--catalog official-images:${SMALL_LIBRARY}`],
  ] as const;
  return opened.use(
    await GuideFollower.open({ folder: folder.path, replaced, programs: { wharf: `exec ${WHARF} "$@"` } }),
  );
};

function settingsOf({ registryUrl, apiUrl }: HubProcess) {
  return { upstreams: { 'docker.io': { url: registryUrl, hubApi: apiUrl } }, data: './data', admin: 'off' };
}

/** A cache, and a docker of this machine that knows nothing of it yet. */
const openDockerWorld: OpenWorld = async (hub, opened) => {
  const folder = opened.use(await scratchFolder('guide'));
  await writeFile(path.join(folder.path, 'wharf.yaml'), JSON.stringify(settingsOf(hub)));
  const configFile = path.join(folder.path, 'etc/docker/daemon.json');
  await mkdir(path.dirname(configFile), { recursive: true });
  await writeFile(configFile, '{ "max-download-attempts": 2 }');
  const { pid, host } = opened.use(await startDockerd({ configFile }));
  const cache = `127.0.0.1:${await freePort()}`;
  const replaced = [
    ['0.0.0.0:5000', cache],
    ['mirror.example.com:5000', cache],
  ] as const;
  const mirrors = `docker info --format '{{.RegistryConfig.Mirrors}}'`;
  const programs = {
    wharf: `[ "$1" = client-config ] && exec ${WHARF} "$@" --root ${folder.path}; exec ${WHARF} "$@"`,
    sudo: 'exec "$@"',
    // A reload is not waited for by anybody: here until it has been heard of.
    systemctl: `[ "$1" = reload ] || exit 0; kill -HUP ${pid}; until ${mirrors} | grep -q ${cache}; do :; done`,
  };
  return opened.use(await GuideFollower.open({ folder: folder.path, replaced, programs, env: { DOCKER_HOST: host } }));
};

/** nginx, whose files are below a folder of the test's, and names that only the certificate has. */
const openNginxWorld: OpenWorld = async (hub, opened) => {
  const folder = opened.use(await scratchFolder('guide'));
  const at = (name: string) => path.join(folder.path, name);
  await mkdir(at('conf.d'));
  const authority = await certificateAuthority(folder.path);
  const certificate = await authority.issue('wharf', ['mirror.example']);
  await writeFile(at('nginx.conf'), `events {}\nhttp { include ${at('conf.d')}/*; }\n`);
  const { registryUrl } = hub;
  const replaced = [
    ['listen: 127.0.0.1:5000', `listen: 127.0.0.1:${await freePort()}\nadmin: off`],
    ['docker.io: { hosts', `docker.io: { url: "${registryUrl}", hubApi: off, hosts`],
    ['/var/lib/wharf', at('data')],
    ['/etc/nginx/conf.d', at('conf.d')],
    ['/etc/caddy', folder.path],
  ] as const;
  const places = `s#/etc/nginx/wharf.crt#${certificate.file}#; s#/etc/nginx/wharf.key#${certificate.keyFile}#`;
  const nginx = `/usr/sbin/nginx -e stderr -p ${folder.path} -c ${at('nginx.conf')}`;
  const programs = {
    wharf: `exec ${WHARF} "$@"`,
    // Nothing is reloaded, as nothing listens at the ports that the file names.
    nginx: `[ "$1" = -t ] || exit 0; sed -i '${places}' ${at('conf.d')}/*; exec ${nginx} -t`,
    systemctl: 'exit 0',
  };
  return opened.use(await GuideFollower.open({ folder: folder.path, replaced, programs }));
};

const GUIDES: readonly (readonly [guide: string, openWorld: OpenWorld])[] = [
  ['behind-clash', openPlainWorld],
  ['behind-nginx', openNginxWorld],
  ['docker', openDockerWorld],
  ['harbor-and-nexus', openPlainWorld],
  ['k3d', openPlainWorld],
  ['sync-the-library', openPlainWorld],
  ['what-you-need', openPlainWorld],
];

async function openWorld(open: OpenWorld): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const hub = opened.use(await startHubProcess({ library: SMALL_LIBRARY }));
  const follower = await open(hub, opened);
  const running = opened.move();
  return { follower, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

for (const [guide, open] of GUIDES) {
  const pages = await Promise.all(
    [`${guide}.md`, `${guide}.zh-CN.md`].map(async (page) => [page, await readGuide(page)] as const),
  );

  test(`the commands of ${guide} are the same in both languages`, () => {
    const [english, chinese] = pages.map(([, blocks]) =>
      blocks.map(({ language, words, text }) => [language, words, text.replaceAll(/ +#.*$/gm, '')]),
    );
    expect(chinese).toEqual(english);
    expect(english?.length).toBeGreaterThan(0);
  });

  const [page, blocks] = pages[0]!;
  describe.skipIf(missing !== undefined)(`following ${page}${skipNote(missing)}`, () => {
    let world: World;
    beforeAll(async () => void (world = await openWorld(open)));
    afterAll(() => world[Symbol.asyncDispose]());

    for (const block of blocks) {
      const needed = block.words.find((word) => word.startsWith('needs='))?.slice('needs='.length) ?? '';
      const reason = MISSING[needed];
      test.skipIf(reason !== undefined)(`${titleOf(page, block)}${skipNote(reason)}`, () =>
        world.follower.follow(block),
      );
    }
  });
}
