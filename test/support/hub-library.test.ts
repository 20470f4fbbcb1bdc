import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { officialImages } from '../../src/catalog/official-images/official-images-catalog.ts';
import { catalogImage } from './hub/catalog-image.ts';
import type { HubImage } from './hub/hub-image.ts';
import { type Hub, startHub } from './hub/hub.ts';
import { libraryImages } from './hub/library-images.ts';
import { indexIn } from './image-in.ts';
import { startHubProcess } from './programs/hub-process.ts';

const NGINX = 'library/nginx';

/** An image by hand that is built as its key says. */
function built(buildKey: string, ...image: Parameters<typeof catalogImage>): HubImage {
  return { ...catalogImage(...image), buildKey };
}

interface Listed {
  readonly name: string;
  readonly digest?: string;
  readonly last_updated: string;
}

/** The tags as the web API lists them, without those that no state of the library named. */
async function listed(hub: Pick<Hub, 'apiUrl'>, repository = NGINX): Promise<Listed[]> {
  const [namespace, name] = repository.split('/');
  const response = await fetch(`${hub.apiUrl}/v2/namespaces/${namespace}/repositories/${name}/tags?page_size=100`);
  const { results } = (await response.json()) as { results: Listed[] };
  return results.filter((tag) => !tag.name.endsWith('-retired'));
}

/** How they were updated, and what they mean. */
async function stateOf(hub: Hub, repository = NGINX) {
  const tags = await listed(hub, repository);
  return new Map(tags.map((tag) => [tag.name, [hub.digestOf(repository, tag.name), tag.last_updated]]));
}

function timeOf(state: ReadonlyMap<string, readonly string[]>, tag: string): string {
  return state.get(tag)?.[1] ?? '';
}

describe('when the library moves on', () => {
  test('what is built as before keeps its digest and its time, in whatever order its tags stand', async () => {
    await using hub = await startHub({
      images: [built('a', 'nginx', ['1.0.1', '1.0', 'x']), built('b', 'nginx', ['2'])],
    });
    const before = await stateOf(hub);
    hub.moveTo([built('b', 'nginx', ['2']), built('a', 'nginx', ['x', '1.0', '1.0.1'])]);
    hub.moveTo([built('a', 'nginx', ['1.0', 'x']), built('b', 'nginx', ['2'])]);
    expect(await stateOf(hub)).toEqual(before);
    expect(hub.expected().map(({ tag }) => tag)).toEqual(['1.0', 'x', '2']);
  });

  test('what changed, or is new, has another digest and comes first, in new repositories too', async () => {
    await using hub = await startHub({ images: [built('a', 'nginx', ['1', 'latest']), built('b', 'nginx', ['0'])] });
    const before = await stateOf(hub);
    hub.moveTo([
      built('c', 'nginx', ['1', 'latest']),
      built('b', 'nginx', ['0']),
      built('d', 'nginx', ['2']),
      built('e', 'redis'),
    ]);
    const after = await stateOf(hub);
    expect((await listed(hub)).map(({ name }) => name)).toEqual(['1', '2', 'latest', '0']);
    expect(after.get('latest')).toEqual(after.get('1'));
    expect(after.get('latest')?.[0]).not.toBe(before.get('latest')?.[0]);
    expect(after.get('0')).toEqual(before.get('0'));
    const latestBefore =
      [...before.values()]
        .map(([, time = '']) => time)
        .sort()
        .at(-1) ?? '';
    for (const tag of ['1', 'latest', '2']) expect(timeOf(after, tag) > latestBefore).toBe(true);
    expect(timeOf(await stateOf(hub, 'library/redis'), 'latest')).toBe(timeOf(after, 'latest'));
    expect(hub.content.manifest(NGINX, before.get('1')?.[0] ?? '')).toBeDefined();
  });

  test('a tag that moves to another image is updated, and the other tags of that image are not', async () => {
    await using hub = await startHub({ images: [built('a', 'nginx', ['1', 'latest']), built('b', 'nginx', ['2'])] });
    const before = await stateOf(hub);
    hub.moveTo([built('a', 'nginx', ['1']), built('b', 'nginx', ['2', 'latest', 'more'])]);
    const after = await stateOf(hub);
    expect([after.get('1'), after.get('2')]).toEqual([before.get('1'), before.get('2')]);
    for (const tag of ['latest', 'more']) {
      expect(after.get(tag)?.[0]).toBe(before.get('2')?.[0]);
      expect(timeOf(after, tag) > timeOf(before, '2')).toBe(true);
    }
    expect((await listed(hub)).map(({ name }) => name).slice(0, 2)).toEqual(['latest', 'more']);
  });

  test('tags that left the library stay as they were, whatever becomes of what they meant', async () => {
    const windows = built('w', 'nginx', ['1-windowsservercore-ltsc2025'], ['windows/amd64']);
    const linux = built('l', 'nginx', ['1-trixie', '1-old']);
    const shared = built('l w', 'nginx', ['1', 'latest'], ['linux/amd64', 'windows/amd64']);
    await using hub = await startHub({ images: [linux, windows, shared, built('r', 'redis')] });
    const before = [await stateOf(hub), await stateOf(hub, 'library/redis')];
    hub.moveTo([built('l', 'nginx', ['1-trixie'])]);
    expect([await stateOf(hub), await stateOf(hub, 'library/redis')]).toEqual(before);
    hub.rebuild(NGINX, '1-trixie');
    hub.moveTo([built('x', 'nginx', ['1-trixie'])]);
    const after = await stateOf(hub);
    for (const tag of ['1-old', '1', 'latest', '1-windowsservercore-ltsc2025']) {
      expect(after.get(tag)).toEqual(before[0]?.get(tag));
    }
    expect(hub.expected().map(({ tag }) => tag)).toEqual(['1-trixie']);
    expect(() => hub.rebuild(NGINX, 'latest')).toThrow('there is no generated image at the tag "latest"');
  });

  test('an index of the images of others changes with each of them, and holds the others as they are', async () => {
    const image = (key: string, tag: string, platform: string) => built(key, 'nginx', [tag], [platform]);
    const state = (linux: string, windows: string) => [
      image(linux, '1-trixie', 'linux/amd64'),
      image(windows, '1-windowsservercore-ltsc2025', 'windows/amd64'),
      built(`${linux} ${windows}`, 'nginx', ['1'], ['linux/amd64', 'windows/amd64']),
      image('other', '1-nanoserver-ltsc2025', 'windows/amd64'),
    ];
    await using hub = await startHub({ images: state('l1', 'w1') });
    const childrenOf = (tag: string) => indexIn(hub, NGINX, tag).manifests.map(({ digest }) => digest);
    const parts = () => [...childrenOf('1-trixie'), ...childrenOf('1-windowsservercore-ltsc2025')];
    for (const [linux, windows] of [
      ['l1', 'w2'],
      ['l2', 'w2'],
      ['l2', 'w2'],
    ] as const) {
      hub.moveTo(state(linux, windows));
      expect(childrenOf('1')).toEqual(parts());
    }
    hub.rebuild(NGINX, '1-trixie');
    expect(childrenOf('1')).toEqual(parts());
  });

  test('each move and each rebuild is later than everything before, also than what was published', async () => {
    const now = Date.UTC(2030, 0, 1);
    await using hub = await startHub({
      images: [built('a', 'nginx', ['1']), built('b', 'nginx', ['2'])],
      now: () => now,
    });
    const newest: string[] = [];
    const times: string[] = [];
    const note = async () => {
      const [first] = await listed(hub);
      newest.push(first?.name ?? '');
      times.push(first?.last_updated ?? '');
    };
    hub.rebuild(NGINX, '1');
    await note();
    hub.rebuild(NGINX, '2');
    await note();
    hub.moveTo([built('c', 'nginx', ['1']), built('b', 'nginx', ['2'])]);
    await note();
    hub.publish(NGINX, 'odd', { bytes: Buffer.from('{}'), mediaType: 'application/json' });
    await note();
    hub.rebuild(NGINX, '2');
    await note();
    hub.moveTo([built('c', 'nginx', ['1']), built('d', 'nginx', ['2'])]);
    await note();
    expect(newest).toEqual(['1', '2', '1', 'odd', '2', '2']);
    expect(new Set(times).size).toBe(times.length);
    expect(times).toEqual(times.toSorted());
  });

  test('images without a build key are known by themselves', async () => {
    const [one, two] = [catalogImage('nginx', ['1']), catalogImage('nginx', ['2'])];
    await using hub = await startHub({ images: [one, two] });
    const before = await stateOf(hub);
    hub.moveTo([one, catalogImage('nginx', ['2'])]);
    const after = await stateOf(hub);
    expect(after.get('1')).toEqual(before.get('1'));
    expect(after.get('2')?.[0]).not.toBe(before.get('2')?.[0]);
  });
});

describe('folders of libraries', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'library-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test('are states that a hub as a process moves between', async () => {
    const write = (state: string, files: Readonly<Record<string, string>>): string => {
      mkdirSync(join(folder, state, 'library'), { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, state, 'library', name), text);
      return join(folder, state);
    };
    const file = (commit: number, more = '') =>
      `Maintainers: A (@a)\nGitRepo: r\nGitCommit: ${String(commit).repeat(40)}\n\nTags: 1${more}\n`;
    const first = write('first', { tool: file(1), same: file(1), left: file(1), ignored: file(1) });
    const second = write('second', { tool: file(2, ', latest'), same: `# comment\n${file(1)}`, ignored: file(2) });
    await using hub = await startHubProcess({ library: first, repositories: ['tool', 'same', 'left'] });
    const before = await hub.expected();
    await hub.moveTo(second);
    const after = await hub.expected();
    expect(after.map(({ repository, tag }) => `${repository}:${tag}`)).toEqual([
      'library/same:1',
      'library/tool:1',
      'library/tool:latest',
    ]);
    const digestIn = (tags: typeof before, name: string) => tags.find(({ repository }) => repository === name)?.digest;
    expect(digestIn(after, 'library/same')).toBe(digestIn(before, 'library/same'));
    expect(digestIn(after, 'library/tool')).not.toBe(digestIn(before, 'library/tool'));
    expect((await listed(hub, 'library/left')).map(({ name }) => name)).toEqual(['1']);
    await expect(hub.moveTo(join(folder, 'nothing'))).rejects.toThrow(/there is no folder, bundle or git repository/);
  });

  const BUNDLE = fileURLToPath(new URL('../../../shared/data/official-images.bundle', import.meta.url));

  test.skipIf(!existsSync(BUNDLE))(
    'of real commits change exactly what the catalog says (skipped without ../shared/data/official-images.bundle)',
    async () => {
      const git = (...args: string[]) => execFileSync('git', args, { maxBuffer: 2 ** 26 });
      git('clone', '--quiet', '--bare', '--', BUNDLE, join(folder, 'git'));
      const checkOut = (revision: string): string => {
        const work = join(folder, revision);
        mkdirSync(work);
        git('-C', join(folder, 'git'), `--work-tree=${work}`, 'checkout', '--quiet', revision, '--', 'library');
        return work;
      };
      const catalogAt = (revision: string) =>
        officialImages({ repository: join(folder, 'git'), revision, cacheDirectory: folder, now: () => new Date() });
      await using hub = await startHub({ images: await libraryImages(checkOut('HEAD~4')) });
      for (const revision of ['HEAD~3', 'HEAD~2', 'HEAD~1']) {
        const before = new Map(hub.expected().map((tag) => [`${tag.repository}:${tag.tag}`, tag.digest]));
        hub.moveTo(await libraryImages(checkOut(revision)));
        const moved = hub.expected().filter((tag) => before.get(`${tag.repository}:${tag.tag}`) !== tag.digest);
        const catalog = catalogAt(revision);
        const changes = await catalog.changesSince?.(await catalog.list(), 'HEAD~1');
        const changed = [...(changes?.images ?? [])].flatMap(({ repository, tags }) =>
          tags.map((tag) => `${repository}:${tag}`),
        );
        expect(moved.map(({ repository, tag }) => `${repository}:${tag}`).sort()).toEqual(changed.sort());
        expect(changed.length).toBeGreaterThan(50);
      }
    },
  );
});
