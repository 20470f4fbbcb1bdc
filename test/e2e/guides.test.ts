// What the guides say, done: each block of commands of a guide is run, in both languages.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { freePort } from '../support/programs/free-port.ts';
import { GuideFollower, readGuide, titleOf } from '../support/programs/guide.ts';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { WHARF } from '../support/programs/wharf.ts';

/** Of these there is no package to install; what they are given is checked where it is made. */
const NOT_IN_DEBIAN: ReadonlySet<string> = new Set(['k3d', 'minikube', 'wrangler']);
const missing = missingPrograms('docker-registry');

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
    ['172.17.0.1:5000', cache],
    ['registry.example.com/', `${registry.url}/`],
  ] as const;
  return opened.use(
    await GuideFollower.open({ folder: folder.path, replaced, programs: { wharf: `exec ${WHARF} "$@"` } }),
  );
};

function settingsOf({ registryUrl, apiUrl }: HubProcess) {
  return { upstreams: { 'docker.io': { url: registryUrl, hubApi: apiUrl } }, data: './data', admin: 'off' };
}

const GUIDES: readonly (readonly [guide: string, openWorld: OpenWorld])[] = [
  ['harbor-and-nexus', openPlainWorld],
  ['k3d', openPlainWorld],
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
      blocks.map(({ language, words, text }) => [language, words, text]),
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
      const reason = NOT_IN_DEBIAN.has(needed) ? missingProgram(needed) : undefined;
      test.skipIf(reason !== undefined)(`${titleOf(page, block)}${skipNote(reason)}`, () =>
        world.follower.follow(block),
      );
    }
  });
}

// missingPrograms() would let nothing be left out in CI; these cannot be had there.
function missingProgram(name: string): string {
  return `${name} is not among Debian's programs`;
}
