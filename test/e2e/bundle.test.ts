// Bundles as the programs that people have read them, and what becomes of them on the other side.
import { mkdir, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LockFile } from '../../src/bundle/lock-file.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { type ExpectedTag, type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type Exit, runProgram } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { mountSmallDisk, whyNoSmallDisk } from '../support/programs/small-disk.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const missing = missingPrograms('skopeo', 'docker-registry', 'tar');
const noDockerd = whyNoDockerd() ?? missingPrograms('dockerd', 'docker');
const noDisk = await whyNoSmallDisk();
const CATALOG = ['--catalog', `official-images:${SMALL_LIBRARY}`];
const LAYER_BYTES = 200_000;
const OTHER_SIDE = JSON.stringify({ upstreams: {}, hosted: ['**'], data: './data' });

describe.skipIf(missing !== undefined)(`wharf bundle${skipNote(missing)}`, () => {
  let hub: HubProcess;
  let wharf: Wharf;
  let expected: readonly ExpectedTag[];
  const opened = new AsyncDisposableStack();

  beforeAll(async () => {
    hub = opened.use(await startHubProcess({ library: SMALL_LIBRARY, layerBytes: LAYER_BYTES }));
    wharf = opened.use(await openWharf(hub));
    expected = await hub.expected();
    await succeeds(wharf, 'bundle', 'create', ...CATALOG, '--out', 'all.tar');
    await succeeds(wharf, 'bundle', 'create', ...CATALOG, '--out', 'all');
  });
  afterAll(() => opened.disposeAsync());

  const at = (name: string) => path.join(wharf.folder, name);

  function digestOfTag(name: string): string {
    const found = expected.find(({ repository, tag }) => `${repository.replace('library/', '')}:${tag}` === name);
    if (found === undefined) throw new Error(`the hub has no ${name}`);
    return found.digest;
  }

  test('skopeo reads it, in a folder and as a tar, by tags and where they are not enough by names', async () => {
    for (const [name, image] of [
      ['1.29', 'nginx:1.29'],
      ['3.22', 'alpine:3.22'],
      ['redis:latest', 'redis:latest'],
      ['nginx:latest', 'nginx:latest'],
    ] as const) {
      for (const place of [`oci:${at('all')}:${name}`, `oci-archive:${at('all.tar')}:${name}`]) {
        const raw = await succeeded(runProgram('skopeo', ['inspect', '--raw', place]));
        expect(digestOf(raw)).toBe(digestOfTag(image));
      }
    }
    const dir = at('by-skopeo');
    await succeeded(runProgram('skopeo', ['copy', '--all', `oci-archive:${at('all.tar')}:1.29`, `dir:${dir}`]));
    expect(digestOf(await readFile(path.join(dir, 'manifest.json')))).toBe(digestOfTag('nginx:1.29'));
  });

  test('a registry has all of it afterwards, with the same digests, and the second time nothing is sent', async () => {
    await using registry = await startDockerRegistry();
    await succeeds(wharf, 'bundle', 'apply', 'all.tar', '--to', registry.url);
    const probe = new RegistryProbe(registry.url);
    expect(await probe.missing(manifestsOf(expected))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
    const again = await succeeds(wharf, 'bundle', 'apply', 'all', '--to', registry.url);
    expect(again.stdout).toContain(`${expected.length} images: ${expected.length} up to date; 0 B sent`);
  });

  test('a server without any network serves it, and another tar of the folder does as well', async () => {
    await using other = await openWharf();
    await other.configure(OTHER_SIDE);
    await succeeded(runProgram('tar', ['-C', at('all'), '-cf', path.join(other.folder, 'by-tar.tar'), '.']));
    await succeeds(other, 'bundle', 'apply', 'by-tar.tar');
    await succeeds(other, 'check');
    await using server = await other.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off']);
    const probe = new RegistryProbe((await server.firstLine).replace('listening on ', ''));
    expect(await probe.missing(manifestsOf(expected))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
  });

  test('since an earlier one it holds what was built anew, names everything, and needs the earlier one', async () => {
    await using news = await startHubProcess({ library: SMALL_LIBRARY, layerBytes: LAYER_BYTES });
    await using maker = await openWharf(news);
    await news.rebuild('library/nginx', '1.29');
    await news.resetCounters();
    await succeeds(maker, 'bundle', 'create', ...CATALOG, '--since', at('all.tar'), '--out', 'news.tar');
    const { manifestGets } = await news.counters();
    const now = await news.expected();
    const before = new Set(manifestsOf(expected).map(({ digest }) => digest));
    const isNew = new Set(manifestsOf(now).flatMap(({ digest }) => (before.has(digest) ? [] : digest)));
    // What the earlier bundle says of a manifest need not be asked for.
    expect(manifestGets).toBe(isNew.size);
    await using other = await openWharf();
    await other.configure(OTHER_SIDE);
    const refused = await other.run(['bundle', 'apply', path.join(maker.folder, 'news.tar')]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('the store lacks')]);
    await succeeds(other, 'bundle', 'apply', at('all.tar'));
    await succeeds(other, 'bundle', 'apply', path.join(maker.folder, 'news.tar'));
    await succeeds(other, 'check');
    await using server = await other.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off']);
    const probe = new RegistryProbe((await server.firstLine).replace('listening on ', ''));
    expect(await probe.missing(manifestsOf(now))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
  });

  test('killed while it is applied it is gone on with', async () => {
    await using registry = await startDockerRegistry();
    const running = await wharf.start(['bundle', 'apply', 'all.tar', '--to', registry.url]);
    const probe = new RegistryProbe(registry.url);
    await until(async () => (await probe.repositories()).length > 1);
    running.kill('SIGKILL');
    await running.exited;
    expect(await probe.broken()).toEqual([]);
    await succeeds(wharf, 'bundle', 'apply', 'all.tar', '--to', registry.url);
    expect(await probe.missing(manifestsOf(expected))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
  });

  test('within a budget it holds whole images, exits with 3, and pays for none twice', async () => {
    await using metered = await startHubProcess({ library: SMALL_LIBRARY, limit: 40 });
    await using maker = await openWharf(metered);
    const { code } = await maker.run(['bundle', 'create', ...CATALOG, '--out', 'part']);
    expect(code).toBe(3);
    const lock = JSON.parse(await readFile(path.join(maker.folder, 'part/wharf-bundle.json'), 'utf8')) as LockFile;
    const { manifestGets, refused } = await metered.counters();
    expect(refused).toBe(0);
    expect(lock.images.length).toBeGreaterThan(0);
    expect(lock.images.length).toBeLessThan(expected.length);
    await using other = await openWharf();
    await other.configure(OTHER_SIDE);
    await succeeds(other, 'bundle', 'apply', path.join(maker.folder, 'part'));
    await succeeds(other, 'check');
    expect((await maker.run(['bundle', 'create', ...CATALOG, '--out', 'part'])).code).toBe(3);
    expect((await metered.counters()).manifestGets).toBe(manifestGets);
  });

  test('docker loads one that was made for it, with its names and image IDs', async (context: TestContext) => {
    context.skip(noDockerd !== undefined, noDockerd);
    const args = ['nginx:1.29', 'redis:8', 'redis:latest', '--docker', '--platform', 'linux/amd64'];
    await succeeds(wharf, 'bundle', 'create', ...args, '--out', 'docker.tar');
    await using dockerd = await startDockerd();
    const loaded = await succeeded(dockerd.docker('load', '-i', at('docker.tar')));
    const saved = await savedIn(at('docker.tar'));
    for (const name of ['nginx:1.29', 'redis:8', 'redis:latest']) {
      expect(loaded).toContain(`Loaded image: ${name}`);
      const id = (await succeeded(dockerd.docker('image', 'inspect', '--format', '{{.Id}}', name))).trim();
      expect(saved.get(`docker.io/library/${name}`)).toBe(id);
    }
  });

  test('a disk that fills half-way leaves no bundle, and no part of an image', async (context: TestContext) => {
    context.skip(noDisk !== undefined, noDisk);
    await using disk = await mountSmallDisk(2_000);
    const made = await wharf.run(['bundle', 'create', ...CATALOG, '--out', path.join(disk.path, 'all.tar')]);
    expect([made.code, made.stderr]).toEqual([
      2,
      expect.stringMatching(/its disk is full \(ENOSPC\); free some space/),
    ]);
    expect(await readdir(disk.path)).toEqual([]);

    await using other = await openWharf();
    const data = path.join(disk.path, 'data');
    await mkdir(data);
    await other.configure(JSON.stringify({ upstreams: {}, hosted: ['**'], data }));
    const applied = await other.run(['bundle', 'apply', at('all.tar')]);
    expect([applied.code, applied.stderr]).toEqual([2, expect.stringContaining('free some space')]);
    await succeeds(other, 'check');
    await disk.resize(100_000);
    await succeeds(other, 'bundle', 'apply', at('all.tar'));
    await succeeds(other, 'check');
  });
});

async function succeeds(wharf: Wharf, ...args: readonly string[]): Promise<Exit> {
  const exit = await wharf.run(args);
  if (exit.code !== 0) throw new Error(`wharf ${args.join(' ')} ended with ${exit.code}: ${exit.stderr}${exit.stdout}`);
  return exit;
}

async function succeeded(running: Promise<Exit>): Promise<string> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`the program ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** The image IDs of what a manifest.json names. */
async function savedIn(archive: string): Promise<ReadonlyMap<string, string>> {
  const text = await succeeded(runProgram('tar', ['-xOf', archive, 'manifest.json']));
  const saved = JSON.parse(text) as { Config: string; RepoTags: string[] }[];
  return new Map(
    saved.flatMap(({ Config, RepoTags }) => RepoTags.map((name) => [name, Config.replace('blobs/sha256/', 'sha256:')])),
  );
}
