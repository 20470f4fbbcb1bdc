import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TarEntry, packTar, unpackTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Graph, forPlatform, image, index, isWhole, store } from '../../../test/support/image-graph.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { type Registry, startRegistry } from '../../../test/support/registry/registry.ts';
import { type LockFile, parseLockFile } from '../../bundle/lock-file.ts';
import { main } from '../main.ts';

let folder: string;
let old: Registry;
let target: Registry;
const base = ['base', 'more of the base'];
const web = index(
  forPlatform(image('web', [...base, 'web']), 'linux/amd64'),
  forPlatform(image('web-arm'), 'linux/arm64'),
);
const newWeb = index(
  forPlatform(image('web', [...base, 'new web']), 'linux/amd64'),
  forPlatform(image('web-arm'), 'linux/arm64'),
);
const other = image('other', [...base, 'other']);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-bundle-command-'));
  old = await startRegistry();
  target = await startRegistry();
  store(old, 'team/web', web, '1', 'latest');
  store(old, 'team/other', other, 'v1');
});
afterEach(async () => {
  await old[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const at = (name: string) => path.join(folder, name);

async function run(...args: readonly string[]) {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(args, terminal);
  return { ...said, exitCode };
}

const create = (...args: readonly string[]) => run('bundle', 'create', ...args);
const apply = (...args: readonly string[]) => run('bundle', 'apply', ...args);

async function lockOf(archive: string): Promise<LockFile> {
  const entries = await unpackTar(await readFile(at(archive)));
  const lock = entries.find(({ header }) => header.name === 'wharf-bundle.json');
  return parseLockFile(Buffer.from(lock?.data ?? []).toString(), archive);
}

function has(registry: Registry, name: string, graph: Graph): boolean {
  const [repository = '', tag = ''] = name.split(':');
  const isTagged = registry.content.manifest(repository, tag)?.digest === graph.manifest.digest;
  return isTagged && isWhole(registry, repository, graph);
}

describe('a bundle', () => {
  test.each(['images.tar', 'images'])('in %s brings its images to another registry, digests unchanged', async (out) => {
    const made = await create(`${old.url}/team/web:*`, `${old.url}/team/other:v1`, '--out', out);
    expect(made).toMatchObject({ exitCode: 0 });
    expect(made.out).toMatch(new RegExp(`^${out}: 3 images; .*\n$`));
    const applied = await apply(out, '--to', target.url);
    expect(applied).toMatchObject({ exitCode: 0 });
    expect(has(target, 'team/web:1', web) && has(target, 'team/web:latest', web)).toBe(true);
    expect(has(target, 'team/other:v1', other)).toBe(true);
    const again = JSON.parse((await apply(out, '--to', target.url, '--json')).out) as { images: { outcome: string }[] };
    expect(again.images.map(({ outcome }) => outcome)).toEqual(['upToDate', 'upToDate', 'upToDate']);
  });

  test('of one selection is the same bytes twice, and a folder holds the same', async () => {
    const args = [`${old.url}/team/web:1`, `${old.url}/team/other:v1`];
    await create(...args, '--out', 'one.tar');
    await create(...args.toReversed(), '--out', 'two.tar');
    await create(...args, '--out', 'dir');
    expect(await readFile(at('one.tar'))).toEqual(await readFile(at('two.tar')));
    const files = (await unpackTar(await readFile(at('one.tar')))).map(({ header, data }) => ({
      name: header.name,
      data,
    }));
    expect(files.map(({ name }) => name)).toEqual(files.map(({ name }) => name).toSorted());
    for (const { name, data } of files) expect(await readFile(at(`dir/${name}`))).toEqual(Buffer.from(data ?? []));
  });

  test('says in its lock file what is in it', async () => {
    await create(`${old.url}/team/web:1`, '--out', 'web.tar');
    const { images, manifests, blobs, absent, tool } = await lockOf('web.tar');
    expect(tool).toMatch(/^wharf \d/);
    const host = new URL(old.url).host;
    expect(images).toMatchObject([
      {
        reference: `${host}/team/web:1`,
        digest: web.manifest.digest,
        name: '1',
        platforms: ['linux/amd64', 'linux/arm64'],
      },
    ]);
    expect([manifests.length, blobs.length, absent.length]).toEqual([3, 6, 0]);
  });

  test('goes from the store and into it, under the names that a sync gives', async () => {
    await run('copy', `${old.url}/team/web:1`, 'store:ghcr.io/team/web:1');
    await run('copy', `${old.url}/team/other:v1`, 'store:library/other:v1');
    expect(await create('store:**', '--out', 'store.tar')).toMatchObject({ exitCode: 0 });
    expect((await lockOf('store.tar')).images.map(({ reference }) => reference)).toEqual([
      'docker.io/library/other:v1',
      'ghcr.io/team/web:1',
    ]);
    await rename(at('wharf-data'), at('elsewhere'));
    const applied = await apply('store.tar');
    expect(applied).toMatchObject({ exitCode: 0 });
    expect(applied.out).toContain('ghcr.io/team/web:1 -> store:ghcr.io/team/web:1');
    expect(applied.out).toContain('other:v1 -> store:library/other:v1');
    expect(await run('check')).toMatchObject({ exitCode: 0 });
  });

  test('of chosen platforms names only these, and says so', async () => {
    const { err } = await create(`${old.url}/team/web:1`, '--platform', 'linux/arm64', '--out', 'arm.tar');
    expect(err).toContain('platforms other than linux/arm64 are left out: indexes are written anew');
    expect((await lockOf('arm.tar')).images[0]?.platforms).toEqual(['linux/arm64']);
    expect(await apply('arm.tar', '--to', target.url)).toMatchObject({ exitCode: 0 });
  });

  test.each([
    ['--platform', 'linux/arm64'],
    ['--platform', 'linux/arm64', '--docker'],
  ])('with %s %s %s fetches nothing twice, however many tags mean one image', async (...args) => {
    await create(`${old.url}/team/web:*`, ...args, '--out', 'arm.tar');
    expect(old.counters).toMatchObject({ manifestGets: 2, blobGets: 2 });
  });

  test('for docker has one platform of each image and a manifest.json', async () => {
    await create(`${old.url}/team/web:1`, '--docker', '--platform', 'linux/arm64', '--out', 'arm.tar');
    const saved = (await unpackTar(await readFile(at('arm.tar')))).find(
      ({ header }) => header.name === 'manifest.json',
    );
    const [, arm] = web.children;
    const path = (digest = '') => `blobs/${digest.replace(':', '/')}`;
    expect(JSON.parse(Buffer.from(saved?.data ?? []).toString())).toEqual([
      {
        Config: path(arm?.blobs[0]?.digest),
        RepoTags: [`${new URL(old.url).host}/team/web:1`],
        Layers: arm?.blobs.slice(1).map(({ digest }) => path(digest)),
      },
    ]);
  });

  test('without what failed is made, and exits with 1; without any image it is not', async () => {
    const { exitCode, out, err } = await create(`${old.url}/team/web:1`, `${old.url}/team/none:1`, '--out', 'part.tar');
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^failed: \S+team\/none:1: /m);
    expect(out).toMatch(/^part\.tar: 1 image, 1 failed; /);
    const none = await create(`${old.url}/team/none:1`, '--out', 'none.tar');
    expect(none).toMatchObject({ exitCode: 1 });
    expect(none.out).toBe('no bundle was made: 1 image: 1 failed\n');
    expect(existsSync(at('none.tar'))).toBe(false);
  });

  test('is not written over a file, nor into the layout of somebody else, nor compressed', async () => {
    await writeFile(at('mine.tar'), 'mine');
    expect((await create(`${old.url}/team/web:1`, '--out', 'mine.tar')).err).toContain('exists already');
    await run('copy', `${old.url}/team/web:1`, 'oci:theirs');
    expect((await create(`${old.url}/team/web:1`, '--out', 'theirs')).err).toContain(
      'an image layout that is no bundle',
    );
    expect((await create(`${old.url}/team/web:1`, '--out', 'x.tar.gz')).err).toContain('layers are compressed already');
    expect(await readFile(at('mine.tar'), 'utf8')).toBe('mine');
  });

  test('in a folder is brought up to date: what is there is not fetched again, what nobody names goes', async () => {
    await create(`${old.url}/team/web:1`, '--out', 'dir');
    store(old, 'team/web', newWeb, '1');
    old.resetCounters();
    expect(await create(`${old.url}/team/web:1`, '--out', 'dir')).toMatchObject({ exitCode: 0 });
    expect(old.counters.blobGets).toBe(1);
    const files = await readdir(at('dir/blobs/sha256'));
    expect(files).toHaveLength(3 + 6);
    expect(await apply('dir', '--to', target.url)).toMatchObject({ exitCode: 0 });
    expect(has(target, 'team/web:1', newWeb)).toBe(true);
  });
});

describe('a bundle since another', () => {
  beforeEach(async () => {
    await create(`${old.url}/team/web:1`, '--out', 'first.tar');
    store(old, 'team/web', newWeb, '1');
  });

  const since = (what: string) =>
    create(`${old.url}/team/web:1`, `${old.url}/team/other:v1`, '--since', what, '--out', 'news.tar');

  test('holds only what is missing, names everything, and is applied where the rest is', async () => {
    expect(await since('first.tar')).toMatchObject({ exitCode: 0 });
    const { images, absent } = await lockOf('news.tar');
    expect(images.map(({ name }) => name)).toEqual(['v1', '1']);
    // Of web-arm the manifest, the config and the layer, and of web the config and what the base has.
    expect(absent).toHaveLength(3 + 1 + 2);
    const names = (await unpackTar(await readFile(at('news.tar')))).map(({ header }) => header.name);
    expect(names.filter((name) => name.startsWith('blobs/'))).toHaveLength(2 + 1 + 1 + 2);
    await apply('first.tar', '--to', target.url);
    target.resetCounters();
    expect(await apply('news.tar', '--to', target.url)).toMatchObject({ exitCode: 0 });
    expect(has(target, 'team/web:1', newWeb) && has(target, 'team/other:v1', other)).toBe(true);
    // The base that `other` shares with `web` is not in the bundle, and was mounted.
    expect(target.counters).toMatchObject({ blobPuts: 1 + 2, mounts: 2 });
  });

  test('may be since the lock file of the other, or a list of what is there', async () => {
    await writeFile(at('lock.json'), JSON.stringify({ version: 1, ...(await lockOf('first.tar')) }));
    expect(await since('lock.json')).toMatchObject({ exitCode: 0 });
    expect((await lockOf('news.tar')).absent).toHaveLength(6);
    await rm(at('news.tar'));
    const host = new URL(old.url).host;
    await writeFile(at('have.txt'), `${host}/team/other:v1@${other.manifest.digest}\n`);
    expect(await since('have.txt')).toMatchObject({ exitCode: 0 });
    expect((await lockOf('news.tar')).absent).toEqual([{ digest: other.manifest.digest, at: `${host}/team/other` }]);
    await run('copy', `${old.url}/team/other:v1`, `${target.url}/team/other:old`);
    expect(await apply('news.tar', '--to', target.url)).toMatchObject({ exitCode: 0 });
    expect(has(target, 'team/other:v1', other)).toBe(true);
  });

  test('changes nothing where the rest is not, and says what is missing', async () => {
    await since('first.tar');
    const { exitCode, err } = await apply('news.tar', '--to', target.url);
    expect(exitCode).toBe(2);
    expect(err).toMatch(
      /news\.tar leaves out what was there when it was made, and \S+ lacks 6 of that \(\d+ bytes\): sha256:/,
    );
    expect(err).toContain('apply first the bundle that it was made since');
    expect(target.counters).toMatchObject({ blobPuts: 0, manifestPuts: 0 });
  });

  test('brings the store what it lacks, and no more', async () => {
    await since('first.tar');
    expect((await apply('news.tar')).err).toContain('the store lacks 6 of that');
    await apply('first.tar');
    expect(await apply('news.tar')).toMatchObject({ exitCode: 0 });
    expect(await run('check')).toMatchObject({ exitCode: 0 });
  });

  test('cannot be made for docker, nor since what says nothing', async () => {
    const docker = await create(`${old.url}/team/web:1`, '--docker', '--since', 'first.tar', '--out', 'x.tar');
    expect(docker.err).toContain('--docker and --since exclude each other');
    await writeFile(at('names.txt'), 'nginx:1\n');
    expect((await since('names.txt')).err).toContain('names.txt:1: "nginx:1" has no digest');
    expect((await since('nothing')).err).toContain('there is no nothing to tell what the other side has');
  });
});

describe('a bundle that somebody tampered with', () => {
  async function tamper(change: (entries: TarEntry[]) => TarEntry[]): Promise<void> {
    const entries = (await unpackTar(await readFile(at('web.tar')))).map(({ header, data }) => ({
      header,
      body: data,
    }));
    await writeFile(at('bad.tar'), await packTar(change(entries)));
  }

  const isBlob = (text: string) => (entry: TarEntry) =>
    Buffer.from((entry.body as Uint8Array | undefined) ?? []).toString() === text;

  beforeEach(async () => {
    await create(`${old.url}/team/web:1`, `${old.url}/team/other:v1`, '--out', 'web.tar');
  });

  test.each(['store', 'a registry'])('with other bytes under a digest fails that image only, at %s', async (where) => {
    await tamper((entries) =>
      entries.map((entry) => (isBlob('other')(entry) ? { ...entry, body: Buffer.from('OTHER') } : entry)),
    );
    const { exitCode, out, err } = await apply('bad.tar', ...(where === 'store' ? [] : ['--to', target.url]));
    expect(exitCode).toBe(1);
    expect(err).toMatch(/failed: \S+team\/other:v1: .*hash to/);
    expect(out).toContain('1 copied, 1 failed');
    if (where !== 'store') expect(target.content.manifest('team/other', 'v1')).toBeUndefined();
    else expect(await run('check')).toMatchObject({ exitCode: 0 });
  });

  test('with another manifest under its digest acknowledges nothing of it', async () => {
    const text = Buffer.from(other.manifest.bytes).toString();
    await tamper((entries) =>
      entries.map((entry) =>
        isBlob(text)(entry)
          ? { ...entry, body: Buffer.from(text.replace('2', '2 ')), header: { ...entry.header, size: text.length + 1 } }
          : entry,
      ),
    );
    const { exitCode, err } = await apply('bad.tar', '--to', target.url);
    expect([exitCode, err.includes('has other bytes under')]).toEqual([1, true]);
    expect(target.content.manifest('team/other', 'v1')).toBeUndefined();
  });

  test.each<[string, TarEntry]>([
    ['a link', { header: { name: 'blobs/sha256/x', size: 0, type: 'symlink', linkname: '/etc/passwd' } }],
    ['a name that leads out', { header: { name: '../x', size: 0, type: 'file' } }],
    ['index.json twice', { header: { name: './index.json', size: 2, type: 'file' }, body: '{}' }],
  ])('with %s is not read at all', async (_, entry) => {
    await tamper((entries) => [...entries, entry]);
    const { exitCode, err } = await apply('bad.tar', '--to', target.url);
    expect([exitCode, err]).toEqual([2, expect.stringMatching(/^wharf: bad\.tar has .*(?:not read|two entries).*\n$/)]);
    expect(target.counters).toMatchObject({ blobPuts: 0, manifestPuts: 0 });
  });

  test('in a folder whose blobs are a link is not read', async () => {
    await create(`${old.url}/team/web:1`, '--out', 'dir');
    await cp(at('dir/blobs'), at('elsewhere'), { recursive: true });
    await rm(at('dir/blobs'), { recursive: true });
    await symlink(at('elsewhere'), at('dir/blobs'));
    expect((await apply('dir', '--to', target.url)).err).toContain('but a link or a file');
  });

  test('that has no names, or is none at all, says so', async () => {
    await run('copy', `${old.url}/team/web:1`, 'oci:layout');
    expect((await apply('layout')).err).toContain('has an image that is called 1 and nothing more');
    await tamper((entries) => entries.filter(({ header }) => header.name !== 'index.json'));
    expect((await apply('bad.tar')).err).toContain('bad.tar is no bundle: it has no oci-layout and index.json');
    expect((await apply('nowhere.tar')).err).toContain('there is no bundle nowhere.tar');
  });
});
