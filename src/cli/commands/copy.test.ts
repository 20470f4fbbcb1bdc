import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Graph, forPlatform, image, index, isWhole, store } from '../../../test/support/image-graph.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { type Registry, startRegistry } from '../../../test/support/registry/registry.ts';
import { openStore } from '../../app/open-store.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import { main } from '../main.ts';

let folder: string;
let old: Registry;
let target: Registry;
const web = index(forPlatform(image('web'), 'linux/amd64'), forPlatform(image('web-arm'), 'linux/arm64'));
const other = image('other', ['layer of web', 'more']);

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-copy-command-'));
  old = await startRegistry();
  target = await startRegistry();
  store(old, 'team/web', web, '1', 'latest');
  store(old, 'team/other', other, 'v1');
  store(old, 'base', image('base'), 'v2');
});
afterEach(async () => {
  await old[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function run(args: readonly string[], input = '') {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(args, { ...terminal, readInput: () => Promise.resolve(input) });
  return { ...said, exitCode };
}

const copy = (...args: readonly string[]) => run(['copy', ...args]);

async function copyJson(...args: readonly string[]) {
  const { out, exitCode, err } = await copy('--json', ...args);
  const { version, copies } = JSON.parse(out) as {
    version: number;
    copies: {
      source: string;
      destination: string;
      digest?: string;
      outcome: string;
      bytes: number;
      message?: string;
    }[];
  };
  return { version, copies, exitCode, err };
}

function has(registry: Registry, name: string, graph: Graph): boolean {
  const [repository = '', tag = ''] = name.split(':');
  return (
    registry.content.manifest(repository, tag)?.digest === graph.manifest.digest && isWhole(registry, repository, graph)
  );
}

describe('to a registry', () => {
  test('a destination that ends in / is a prefix', async () => {
    const { exitCode, out } = await copy(`${old.url}/team/web`, `${old.url}/team/other:v1`, `${target.url}/xxx/`);
    expect(exitCode).toBe(0);
    expect(has(target, 'xxx/team/web:latest', web)).toBe(true);
    expect(has(target, 'xxx/team/other:v1', other)).toBe(true);
    expect(out).toContain(
      `${old.url}/team/web:latest -> ${target.url}/xxx/team/web:latest  ${web.manifest.digest}  copied`,
    );
    expect(out).toMatch(/^2 images: 2 copied; .* sent; /m);
  });

  test('a full name is one image, whose tag is its own or the source’s', async () => {
    await copy(`${old.url}/team/web:1`, `${target.url}/shop`);
    await copy(`${old.url}/team/web:1`, `${target.url}/shop:9`);
    expect(has(target, 'shop:1', web)).toBe(true);
    expect(has(target, 'shop:9', web)).toBe(true);
  });

  test('by digest it goes without a tag', async () => {
    const from = `${old.url}/team/web@${web.manifest.digest}`;
    const first = await copyJson(from, `${target.url}/shop`);
    expect(first).toMatchObject({
      exitCode: 0,
      copies: [{ destination: `${target.url}/shop@${web.manifest.digest}` }],
    });
    expect(isWhole(target, 'shop', web)).toBe(true);
    expect((await copyJson(from, `${target.url}/shop`)).copies).toMatchObject([{ outcome: 'upToDate', bytes: 0 }]);
  });

  test('patterns are expanded by listing, and several tags of one image are copied once', async () => {
    const { copies, exitCode, version } = await copyJson(`${old.url}/**`, target.url);
    expect([version, exitCode]).toEqual([1, 0]);
    expect(new Map(copies.map(({ source, outcome }) => [source.replace(old.url, ''), outcome]))).toEqual(
      new Map([
        ['/base:v2', 'copied'],
        ['/team/other:v1', 'copied'],
        ['/team/web:1', 'copied'],
        ['/team/web:latest', 'copied'],
      ]),
    );
    expect(has(target, 'team/web:latest', web)).toBe(true);
    expect(old.counters.manifestGets).toBe(3 + 2);
    old.resetCounters();
    target.resetCounters();
    const again = await copyJson(`${old.url}/**`, target.url);
    expect(new Set(again.copies.map(({ outcome }) => outcome))).toEqual(new Set(['upToDate']));
    expect([old.counters.manifestGets, old.counters.blobGets, target.counters.manifestPuts]).toEqual([0, 0, 0]);
  });

  test('a pattern of names and tags chooses among them', async () => {
    const { copies } = await copyJson(`${old.url}/team/*:v*`, `${target.url}/m/`);
    expect(copies.map(({ destination }) => destination)).toEqual([`${target.url}/m/team/other:v1`]);
  });

  test('within one registry blobs are mounted, and nothing is downloaded', async () => {
    expect(await copy(`${old.url}/team/web:1`, `${old.url}/shop/web`)).toMatchObject({ exitCode: 0 });
    expect(has(old, 'shop/web:1', web)).toBe(true);
    expect(old.counters).toMatchObject({ blobGets: 0, blobPuts: 0, mounts: 4 });
  });

  test('several destinations are filled from the first', async () => {
    await using third = await startRegistry();
    const { copies } = await copyJson(`${old.url}/team/web:1`, '--to', `${target.url}/a/`, '--to', `${third.url}/b/`);
    expect(copies.map(({ outcome }) => outcome)).toEqual(['copied', 'copied']);
    expect(has(target, 'a/team/web:1', web)).toBe(true);
    expect(has(third, 'b/team/web:1', web)).toBe(true);
    expect(old.counters.blobGets).toBe(4);
  });

  test('a platform alone rewrites the index, and the output says so', async () => {
    const { err, copies } = await copyJson(`${old.url}/team/web:1`, `${target.url}/`, '--platform', 'linux/arm64');
    expect(err).toContain('platforms other than linux/arm64 are left out');
    expect(copies[0]?.digest).not.toBe(web.manifest.digest);
    expect(target.content.manifest('team/web', '1')?.digest).toBe(copies[0]?.digest);
    const again = await copyJson(`${old.url}/team/web:1`, `${target.url}/`, '--platform', 'linux/arm64');
    expect(again.copies).toMatchObject([{ outcome: 'upToDate' }]);
  });

  test('an image by digest alone is copied for a platform, too', async () => {
    const { digest } = web.manifest;
    const { copies } = await copyJson(`${old.url}/team/web@${digest}`, `${target.url}/`, '--platform', 'linux/arm64');
    const [copied] = copies;
    expect(copied).toMatchObject({ outcome: 'copied' });
    expect(target.content.manifest('team/web', copied?.digest ?? '')).toBeDefined();
  });

  test('a list adds sources, and its tags', async () => {
    const host = new URL(old.url).host;
    const list = `# ours\n${host}/team/web:1,latest\n${host}/team/other:v1\n`;
    const { exitCode, out } = await run(['copy', '--file', '-', '--json', `${target.url}/x/`], list);
    expect(exitCode).toBe(0);
    expect((JSON.parse(out) as { copies: unknown[] }).copies).toHaveLength(3);
    expect(has(target, 'x/team/web:latest', web)).toBe(true);
  });

  test('what fails is named, and the rest is copied', async () => {
    const { copies, exitCode } = await copyJson(`${old.url}/team/web:1`, `${old.url}/team/web:none`, `${target.url}/`);
    expect(exitCode).toBe(1);
    expect(copies.find(({ outcome }) => outcome === 'failed')).toMatchObject({
      source: `${old.url}/team/web:none`,
      destination: `${target.url}/team/web:none`,
      message: expect.stringContaining('has no manifest team/web:none') as string,
    });
    expect(has(target, 'team/web:1', web)).toBe(true);
  });

  test('a dry run says what would be copied, and copies nothing', async () => {
    const { out } = await copy('--dry-run', `${old.url}/team/web:1`, `${target.url}/`);
    expect(out).toBe(`${old.url}/team/web:1 -> ${target.url}/team/web:1\n1 image to copy\n`);
    expect(target.counters.requests).toBe(0);
  });
  test('a line of a list that is no image is named, and the rest is copied', async () => {
    const list = `${old.url.replace('http://', '')}/team/web:1\nNot An Image\n`;
    const { err, exitCode } = await run(['copy', '--file', '-', '--plain-http', `${target.url}/`], list);
    expect(err).toContain('wharf: -:2:');
    expect(exitCode).toBe(1);
    expect(target.content.manifest('team/web', '1')).toBeDefined();
  });

  test('a list of nothing but such lines copies nothing', async () => {
    const { err, exitCode } = await run(['copy', '--file', '-', `${target.url}/`], 'Not An Image\n');
    expect(exitCode).toBe(2);
    expect(err).toContain('-:1:');
  });
});

describe('to the store, and out of it again', () => {
  test('names stay, and digests', async () => {
    expect(await copy(`${old.url}/**`, 'store:')).toMatchObject({ exitCode: 0 });
    expect(await run(['list', 'store:'])).toMatchObject({ out: 'base\nteam/other\nteam/web\n', exitCode: 0 });
    expect(await run(['list', 'store:team/web'])).toMatchObject({ out: '1\nlatest\n' });
    expect(JSON.parse((await run(['list', 'store:team/web', '--json'])).out)).toEqual({
      version: 1,
      name: 'store:team/web',
      tags: ['1', 'latest'],
    });
    const inspected = await run(['inspect', 'store:team/web:1']);
    expect(inspected.out).toContain(web.manifest.digest);
    expect(await copy('store:**', `${target.url}/`)).toMatchObject({ exitCode: 0 });
    expect(has(target, 'team/web:latest', web)).toBe(true);
    expect(has(target, 'base:v2', image('base'))).toBe(true);
  });

  test('a platform alone leaves the index as it came, and the others can follow', async () => {
    const { digest } = web.manifest;
    const copyFor = (...flags: string[]) => copyJson(`${old.url}/team/web:1`, 'store:', ...flags);
    const outcomes = [];
    for (const flags of [
      ['--platform', 'linux/arm64'],
      ['--platform', 'linux/arm64'],
      [],
      [],
      ['--platform', 'linux/amd64'],
    ]) {
      const { copies, err } = await copyFor(...flags);
      expect(copies).toMatchObject([{ digest }]);
      outcomes.push(copies[0]?.outcome);
      if (flags.length > 0) expect(err).toContain('indexes still name them');
      expect(await run(['check'])).toMatchObject({ exitCode: 0 });
    }
    expect(outcomes).toEqual(['copied', 'upToDate', 'copied', 'upToDate', 'upToDate']);
    expect(old.counters.blobGets).toBe(4);
    await copy('store:team/web:1', `${target.url}/`);
    expect(has(target, 'team/web:1', web)).toBe(true);
  });

  test('within the store nothing is written again', async () => {
    await copy(`${old.url}/team/web:1`, 'store:');
    const { copies } = await copyJson('store:team/web:1', 'store:shop:2');
    expect(copies).toMatchObject([{ destination: 'store:shop:2', outcome: 'copied', bytes: 0 }]);
  });

  test('what came from an upstream is known to, unless it goes by another name', async () => {
    const upstreams = { 'example.test': { url: old.url } };
    await writeFile(path.join(folder, 'wharf.yaml'), JSON.stringify({ upstreams, data: './data' }));
    expect(await copy('example.test/team/web:1', '--to', 'store:', '--to', 'store:ours/')).toMatchObject({
      exitCode: 0,
    });
    await using opened = await openStore(path.join(folder, 'data'));
    const originOf = async (name: string) =>
      await opened.metadata.manifestOrigin(parseRepositoryName(name), web.manifest.digest);
    expect(await originOf('example.test/team/web')).toMatchObject({ upstream: 'example.test' });
    expect((await originOf('ours/example.test/team/web'))?.upstream).toBeUndefined();
  });

  test('what is not there is said in a sentence', async () => {
    expect(await run(['list', 'store:none'])).toMatchObject({
      err: 'wharf: the store has no repository none; `wharf list store:` shows them\n',
      exitCode: 2,
    });
    const { copies, exitCode } = await copyJson('store:none:1', `${target.url}/`);
    expect(exitCode).toBe(1);
    expect(copies).toMatchObject([{ outcome: 'failed', message: 'there is no repository none' }]);
  });
});

describe('layouts and archives', () => {
  test('a layout takes several tags, and gives them back', async () => {
    expect(await copy(`${old.url}/team/web:*`, 'oci:out')).toMatchObject({ exitCode: 0 });
    expect(await copy('oci:out:latest', `${target.url}/from/layout`)).toMatchObject({ exitCode: 0 });
    expect(has(target, 'from/layout:latest', web)).toBe(true);
    const { err, exitCode } = await copy('oci:out:latest', `${target.url}/prefix/`);
    expect([err, exitCode]).toEqual([
      `wharf: oci:out:latest has no name of its own; name it in full at ${target.url}/, such as ${target.url}/NAME:TAG\n`,
      2,
    ]);
  });

  test('tags of two repositories clash in a layout, before there is one', async () => {
    store(old, 'team/other', other, '1');
    const { err, exitCode } = await copy(`${old.url}/team/web:1`, `${old.url}/team/other:1`, 'oci:out');
    expect(exitCode).toBe(2);
    expect(err).toContain('would both become oci:out:1');
    expect(existsSync(path.join(folder, 'out'))).toBe(false);
  });

  test('an archive that exists, two platforms for one, and a folder that is no layout are refused', async () => {
    await writeFile(path.join(folder, 'out.tar'), 'precious');
    for (const [args, message] of [
      [[`${old.url}/team/web:1`, 'docker-archive:out.tar'], 'out.tar exists already'],
      [
        [`${old.url}/team/web:1`, 'docker-archive:new.tar', '--platform', 'linux/amd64,linux/arm64'],
        'an archive holds one platform of an image',
      ],
      [['oci:none', `${target.url}/x`], 'none'],
      [['docker-archive:none.tar', `${target.url}/x`], 'there is no file'],
    ] as const) {
      const { err, exitCode } = await copy(...args);
      expect(exitCode).toBe(2);
      expect(err).toContain(message);
    }
    expect(await readFile(path.join(folder, 'out.tar'), 'utf8')).toBe('precious');
  });
});

describe('wharf rm', () => {
  test('a tag goes and leaves its image; a digest takes its tags along', async () => {
    await copy(`${old.url}/team/web:*`, 'store:');
    const digest = web.manifest.digest;
    const tag = await run(['rm', 'store:team/web:1']);
    expect(tag).toEqual({
      out: `deleted store:team/web:1 (${digest})\n`,
      err: '`wharf gc --untagged` deletes what no tag keeps, and frees the room\n',
      exitCode: 0,
    });
    expect(await run(['list', 'store:team/web'])).toMatchObject({ out: 'latest\n' });
    expect(await run(['rm', `store:team/web@${digest}`])).toMatchObject({ out: `deleted store:team/web@${digest}\n` });
    expect(await run(['rm', 'store:team/web:latest'])).toMatchObject({ out: '', exitCode: 1 });
  });

  test('a whole repository goes with --all alone', async () => {
    await copy(`${old.url}/team/**`, 'store:');
    expect(await run(['rm', 'store:team/web'])).toMatchObject({ exitCode: 2 });
    const { out } = await run(['rm', '--all', '--json', 'store:team/web']);
    const { removed } = JSON.parse(out) as { removed: { reference: string; outcome: string }[] };
    expect(removed).toHaveLength(2 + 2);
    expect(removed.every(({ outcome }) => outcome === 'deleted')).toBe(true);
    expect(await run(['list', 'store:team/web'])).toMatchObject({ out: '' });
    expect(await run(['list', 'store:team/other'])).toMatchObject({ out: 'v1\n' });
  });

  test('an immutable tag stays, with its sentence', async () => {
    await copy(`${old.url}/team/other:v1`, 'store:');
    await writeFile(path.join(folder, 'wharf.yaml'), 'immutableTags: ["team/*:v*"]\n');
    const { err, exitCode } = await run(['rm', 'store:team/other:v1']);
    expect(exitCode).toBe(1);
    expect(err).toContain('the tag team/other:v1 is immutable');
    const copied = await copyJson(`${old.url}/base:v2`, 'store:team/other:v1');
    expect(copied).toMatchObject({ exitCode: 1, copies: [{ outcome: 'failed' }] });
  });

  test('the same at a registry', async () => {
    expect(await run(['rm', `${old.url}/team/other@${other.manifest.digest}`])).toMatchObject({ exitCode: 0 });
    expect(old.content.manifest('team/other', other.manifest.digest)).toBeUndefined();
    expect(await run(['rm', `${old.url}/team/other:v1`])).toMatchObject({ exitCode: 1 });
    const all = await run(['rm', '--all', `${old.url}/team/web`]);
    expect(all).toMatchObject({ exitCode: 0 });
    expect(old.content.tags('team/web')).toEqual([]);
  });

  test.each([
    ['store:**', 'is a pattern'],
    ['oci:dir', 'delete the file itself'],
  ])('%s is refused', async (reference, message) => {
    const { err, exitCode } = await run(['rm', reference]);
    expect(exitCode).toBe(2);
    expect(err).toContain(message);
  });
});

describe('what is wrong is said before anything is copied', () => {
  test.each([
    [['OLD/team/web:1'], 'a copy needs a source and a destination'],
    [['--to', 'NEW/'], 'nothing to copy; name a source'],
    [['OLD/team/web:1', 'OLD/team/other:v1', 'NEW/x'], 'end it with "/"'],
    [['OLD/team/**', 'NEW/x'], 'end the destination with "/"'],
    [['OLD/team/web:*', 'NEW/x:1'], 'would both become'],
    [['OLD/none/*', 'NEW/x'], 'matches "none/*"'],
    [['stroe:a/b', 'NEW/x'], 'did you mean store:?'],
    [['OLD/team/web:1', 'NEW/x@sha256:1'], 'has a digest'],
    [['OLD/team/web:1', 'NEW/', '--platform', 'arm'], 'is not a platform'],
    [['OLD/team/web:1', 'NEW/', '--file', 'none.list'], 'cannot be read'],
  ])('%j', async (args, message) => {
    const { err, exitCode } = await copy(
      ...args.map((text) => text.replace('OLD', old.url).replace('NEW', target.url)),
    );
    expect(err).toContain(message);
    expect(exitCode).toBe(2);
    expect(target.counters.requests).toBe(0);
  });

  test('a registry that refuses the push', async () => {
    await using closed = await startRegistry({ login: { username: 'ada', password: 'x', scheme: 'basic' } });
    const { err, exitCode } = await copy(`${old.url}/team/web:1`, `${closed.url}/`);
    expect(exitCode).toBe(2);
    expect(err).toContain('cannot push to the target');
    expect(old.counters.blobGets).toBe(0);
  });
});
