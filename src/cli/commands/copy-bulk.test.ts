// Many images to many places: one download, what refers to them along, and nobody held up by anybody else.
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type Graph,
  attestationOf,
  forPlatform,
  image,
  index,
  isWhole,
  store,
} from '../../../test/support/image-graph.ts';
import { refuse } from '../../../test/support/origin/fault-actions.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { referrerOf } from '../../../test/support/registry/referrer-graph.ts';
import { type Registry, type RegistryOptions, startRegistry } from '../../../test/support/registry/registry.ts';
import type { CopyOutcome } from '../../app/copy-outcome.ts';
import { cosignTags, referrersTag } from '../../copy/referrer-tags.ts';
import { readManifest } from '../../oci/manifest.ts';
import { main } from '../main.ts';

let opened: AsyncDisposableStack;
let folder: string;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-copy-bulk-'));
  opened.defer(() => rm(folder, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

async function start(options: RegistryOptions = {}): Promise<Registry> {
  return opened.use(await startRegistry(options));
}

async function run(args: readonly string[], input = '') {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(args, { ...terminal, readInput: () => Promise.resolve(input) });
  return { ...said, exitCode };
}

async function copy(...args: readonly string[]) {
  const { out, err, exitCode } = await run(['copy', '--json', ...args]);
  const { copies } = JSON.parse(out) as { copies: readonly CopyOutcome[] };
  return { copies, outcomes: copies.map(({ outcome }) => outcome), err, exitCode };
}

const to = (...registries: readonly Registry[]) => registries.flatMap(({ url }) => ['--to', `${url}/m/`]);

describe('several destinations', () => {
  const graphs = Array.from({ length: 30 }, (_, nth) => image(`image ${nth}`, ['shared', `layer ${nth}`]));
  let old: Registry;

  beforeEach(async () => {
    old = await start();
    for (const [nth, graph] of graphs.entries()) store(old, `app-${nth % 3}`, graph, `v${nth}`);
  });

  const areWhole = (registry: Registry) => graphs.every((graph, nth) => isWhole(registry, `m/app-${nth % 3}`, graph));

  test('get everything from one download', async () => {
    const [one, two, three] = [await start(), await start(), await start()];
    await writeFile(path.join(folder, 'wharf.yaml'), 'data: ./data\n');
    await mkdir(path.join(folder, 'data'));
    const { exitCode, outcomes } = await copy(`${old.url}/**`, ...to(one, two, three), '--no-referrers');
    expect([exitCode, outcomes.length, new Set(outcomes)]).toEqual([0, 90, new Set(['copied'])]);
    for (const registry of [one, two, three]) expect(areWhole(registry)).toBe(true);
    expect(old.counters.manifestGets).toBe(30);
    // Each layer and config of its own once, and the layer that they share at most once for each image at work.
    const own = 60;
    expect(old.counters.blobGets).toBeGreaterThan(own);
    expect(old.counters.blobGets).toBeLessThan(own + 18);
    expect([one, two, three].map(({ counters }) => counters.blobGets)).toEqual([0, 0, 0]);
    expect(await readdir(path.join(folder, 'data'))).toEqual([]);
  });

  test('go on when one of them fails, and the report says which', async () => {
    const [good, bad] = [await start(), await start()];
    bad.faults.add({ when: { kind: 'manifest', method: 'PUT' }, action: refuse('DENIED') });
    const { exitCode, copies } = await copy(`${old.url}/**`, ...to(bad, good));
    expect(exitCode).toBe(1);
    expect(areWhole(good)).toBe(true);
    const failed = copies.filter(({ outcome }) => outcome === 'failed');
    expect(failed).toHaveLength(30);
    expect(failed.every(({ destination }) => destination.startsWith(bad.url))).toBe(true);
    expect(old.counters.manifestGets).toBe(30);
  });

  test('go on when one of them takes no push at all', async () => {
    const good = await start();
    const closed = await start({ login: { username: 'ada', password: 'x', scheme: 'basic' } });
    const { exitCode, copies } = await copy(`${old.url}/app-0:v0`, ...to(closed, good));
    expect(exitCode).toBe(1);
    expect(copies.map(({ outcome, code }) => [outcome, code])).toEqual([
      ['failed', 'UNAUTHORIZED'],
      ['copied', undefined],
    ]);
    const none = await run(['copy', `${old.url}/app-0:v0`, ...to(closed, closed)]);
    expect(none).toMatchObject({ exitCode: 2, out: '' });
    expect(none.err).toContain('cannot push to the target');
  });

  test('that are stuck do not hold up the others, and catch up from them', async () => {
    const [quick, stuck] = [await start(), await start()];
    const free = Promise.withResolvers<void>();
    // Lets go once the other has everything; were it waited for, neither would come to an end.
    stuck.faults.add({
      when: { kind: 'upload', method: 'PUT' },
      action: async (request, next) => {
        await free.promise;
        return await next(request);
      },
    });
    quick.faults.add({
      when: { kind: 'manifest', method: 'PUT', nth: 30 },
      action: async (request, next) => {
        free.resolve();
        return await next(request);
      },
    });
    const { exitCode, outcomes } = await copy(`${old.url}/**`, ...to(stuck, quick));
    expect([exitCode, new Set(outcomes)]).toEqual([0, new Set(['copied'])]);
    expect([areWhole(quick), areWhole(stuck)]).toEqual([true, true]);
    expect(old.counters.manifestGets).toBe(30);
    expect(quick.counters.manifestGets).toBeGreaterThan(0);
  });

  test('of different kinds get what each of them keeps, from one download', async () => {
    const web = index(forPlatform(image('amd64'), 'linux/amd64'), forPlatform(image('arm64'), 'linux/arm64'));
    store(old, 'web', web, '1');
    const one = await start();
    const destinations = ['--to', 'store:', '--to', 'docker-archive:web.tar', '--to', 'oci:layout', ...to(one)];
    const { copies, exitCode } = await copy(`${old.url}/web:1`, ...destinations, '--platform', 'linux/arm64');
    expect([exitCode, new Set(copies.map(({ outcome }) => outcome))]).toEqual([0, new Set(['copied'])]);
    const digestAt = (place: string) => copies.find(({ destination }) => destination.startsWith(place))?.digest;
    expect(digestAt('store:')).toBe(web.manifest.digest);
    expect(digestAt('docker-archive:')).toBe(web.children[1]?.manifest.digest);
    expect(digestAt('oci:')).toBe(digestAt(one.url));
    expect(digestAt(one.url)).not.toBe(web.manifest.digest);
    expect(old.counters).toMatchObject({ manifestGets: 2, blobGets: 2 });
  });

  test('take a list, each by a template of its own', async () => {
    const [one, two] = [await start(), await start()];
    const host = new URL(old.url).host;
    const list = `# ours\n${host}/app-0:v0,v3\n${host}/app-1:v1\n`;
    const destinations = ['--to', `${one.url}/m/{name}:{tag}-mirror`, '--to', `${two.url}/all/{repository}`];
    const { out, err } = await run(['copy', '--json', '--file', '-', ...destinations], list);
    expect(err).not.toContain('wharf:');
    const { copies } = JSON.parse(out) as { copies: readonly CopyOutcome[] };
    expect(copies.map(({ destination }) => destination).toSorted()).toEqual(
      [
        `${one.url}/m/app-0:v0-mirror`,
        `${one.url}/m/app-0:v3-mirror`,
        `${one.url}/m/app-1:v1-mirror`,
        ...['app-0:v0', 'app-0:v3', 'app-1:v1'].map((name) => `${two.url}/all/${name}`),
      ].toSorted(),
    );
  });
});

describe('what refers to an image', () => {
  const amd64 = forPlatform(image('amd64'), 'linux/amd64');
  const arm64 = forPlatform(image('arm64'), 'linux/arm64');
  const web = index(amd64, arm64, attestationOf(amd64));
  const signature = referrerOf(web);
  const ofSignature = referrerOf(signature, 'application/vnd.example.witness');
  const bill = referrerOf(arm64, 'application/spdx+json');
  const all = [signature, ofSignature, bill];

  /** As cosign leaves it: an image of its own under a tag that is made of the digest. */
  const cosigned = image('signature by cosign');
  const [sigTag = ''] = cosignTags(web.manifest.digest);

  async function source(options: RegistryOptions): Promise<Registry> {
    const registry = await start(options);
    store(registry, 'web', web, '1');
    for (const graph of all) store(registry, 'web', graph);
    store(registry, 'web', cosigned, sigTag);
    return registry;
  }

  const follows = (registry: Registry, repository: string, graphs: readonly Graph[]) =>
    graphs.map((graph) => isWhole(registry, repository, graph));

  test('follows it, and what refers to that, from a registry that lists it to one that does', async () => {
    const [old, fresh] = [await source({ referrers: true }), await start({ referrers: true })];
    const { copies, exitCode } = await copy(`${old.url}/web:1`, ...to(fresh));
    expect([exitCode, copies]).toMatchObject([0, [{ outcome: 'copied', referrers: 4, digest: web.manifest.digest }]]);
    expect(follows(fresh, 'm/web', [...all, cosigned])).toEqual([true, true, true, true]);
    expect(fresh.content.tags('m/web')).toEqual(['1', sigTag].toSorted());
    const { out } = await run(['copy', `${old.url}/web:1`, ...to(fresh)]);
    expect(out).toContain('up to date\n  with 4 manifests that refer to it\n');
  });

  test('is listed by a tag where the target keeps no list, and once more does not change it', async () => {
    const [old, plain] = [await source({ referrers: true }), await start()];
    await copy(`${old.url}/web:1`, ...to(plain));
    const tag = referrersTag(web.manifest.digest);
    const listed = () => {
      const { content } = readManifest(plain.content.manifest('m/web', tag)?.bytes ?? Buffer.of());
      return content.kind === 'index' ? content.manifests : [];
    };
    expect(listed()).toMatchObject([
      { digest: signature.manifest.digest, artifactType: 'application/vnd.example.signature' },
    ]);
    expect(plain.content.tags('m/web')).toContain(referrersTag(arm64.manifest.digest));
    const other = referrerOf(web, 'application/vnd.example.other');
    store(old, 'web', other);
    plain.resetCounters();
    await copy(`${old.url}/web:1`, ...to(plain));
    expect(listed().map(({ digest }) => digest)).toEqual([signature.manifest.digest, other.manifest.digest]);
    expect(plain.counters.manifestPuts).toBe(2);

    // And from there on to a registry that lists again.
    const third = await start({ referrers: true });
    const { copies } = await copy(`${plain.url}/m/web:1`, `${third.url}/`);
    expect(copies).toMatchObject([{ referrers: 5 }]);
    expect(follows(third, 'm/web', [...all, other, cosigned])).toEqual([true, true, true, true, true]);
  });

  test('goes into the store and an image layout, and out of them again', async () => {
    const old = await source({ referrers: true });
    for (const [nth, [into, outOf]] of [
      ['store:', 'store:web:1'],
      ['oci:layout', 'oci:layout:1'],
    ].entries()) {
      expect((await copy(`${old.url}/web:1`, into ?? '')).copies).toMatchObject([{ referrers: 4 }]);
      const back = await start({ referrers: true });
      const { copies } = await copy(outOf ?? '', `${back.url}/back/web`);
      expect(copies).toMatchObject([{ outcome: 'copied', referrers: 4 }]);
      expect([nth, follows(back, 'back/web', [...all, cosigned])]).toEqual([nth, [true, true, true, true]]);
    }
  });

  test('of chosen platforms is what refers to those, as the index is another', async () => {
    const [old, fresh] = [await source({ referrers: true }), await start({ referrers: true })];
    const { copies } = await copy(`${old.url}/web:1`, ...to(fresh), '--platform', 'linux/arm64');
    expect(copies).toMatchObject([{ outcome: 'copied', referrers: 1 }]);
    expect(follows(fresh, 'm/web', [bill, signature])).toEqual([true, false]);
  });

  test('stays behind with --no-referrers, and costs nothing then', async () => {
    const [old, fresh] = [await source({ referrers: true }), await start({ referrers: true })];
    const { copies } = await copy(`${old.url}/web:1`, ...to(fresh), '--no-referrers');
    expect(copies[0]?.referrers).toBeUndefined();
    expect(follows(fresh, 'm/web', all)).toEqual([false, false, false]);
    expect([old.counters.tagLists, old.counters.manifestGets]).toEqual([0, 4]);
  });

  test('stays behind at an upstream, unless it is asked for', async () => {
    const [old, fresh] = [await source({ referrers: true }), await start({ referrers: true })];
    await writeFile(path.join(folder, 'wharf.yaml'), JSON.stringify({ upstreams: { 'up.test': { url: old.url } } }));
    expect((await copy('up.test/web:1', ...to(fresh))).copies[0]?.referrers).toBeUndefined();
    expect((await copy('up.test/web:1', ...to(fresh), '--referrers')).copies[0]?.referrers).toBe(4);
  });

  test('is fetched once for several destinations', async () => {
    const old = await source({ referrers: true });
    const [one, two] = [await start({ referrers: true }), await start()];
    await copy(`${old.url}/web:1`, ...to(one, two));
    expect([follows(one, 'm/web', all), follows(two, 'm/web', all)]).toEqual([
      [true, true, true],
      [true, true, true],
    ]);
    expect(old.counters.manifestGets).toBe(4 + 3 + 1);
  });

  test('that is not told fails the copy in words, after the image is there', async () => {
    const [old, fresh] = [await source({ referrers: true }), await start()];
    old.faults.add({ when: { path: '/referrers/' }, action: refuse('DENIED') });
    const { copies, exitCode } = await copy(`${old.url}/web:1`, ...to(fresh));
    expect(exitCode).toBe(1);
    expect(copies[0]?.message).toMatch(/^the image was copied, but not what refers to it: .*; --no-referrers leaves/);
    expect(isWhole(fresh, 'm/web', web)).toBe(true);
  });

  test('that a list names and that is gone is passed over', async () => {
    const old = await start();
    store(old, 'web', web, '1');
    store(old, 'web', index(signature), referrersTag(web.manifest.digest));
    await fetch(`${old.url}/v2/web/manifests/${signature.manifest.digest}`, { method: 'DELETE' });
    const fresh = await start({ referrers: true });
    const { copies, exitCode } = await copy(`${old.url}/web:1`, ...to(fresh));
    expect([exitCode, copies[0]?.outcome, copies[0]?.referrers]).toEqual([0, 'copied', undefined]);
  });
});

describe('a Harbor', () => {
  const LOGIN = { username: 'ada', password: 'canary', scheme: 'bearer' } as const;
  let old: Registry;
  let harbor: Registry;

  beforeEach(async () => {
    old = await start();
    store(old, 'web', image('web'), '1');
    store(old, 'other', image('other'), '1');
    harbor = await start({ projects: ['library'], login: LOGIN });
    await logIn(LOGIN.password);
  });

  async function logIn(password: string): Promise<void> {
    const auth = Buffer.from(`${LOGIN.username}:${password}`).toString('base64');
    await mkdir(path.join(folder, '.docker'), { recursive: true });
    await writeFile(
      path.join(folder, '.docker', 'config.json'),
      JSON.stringify({ auths: { [new URL(harbor.url).host]: { auth } } }),
    );
  }

  const args = () => [`${old.url}/web:1`, `${old.url}/other:1`, '--to', `${harbor.url}/team/`];

  test('takes no push into a project that it lacks, and the sentence says how to have it made', async () => {
    const { err, exitCode } = await run(['copy', ...args()]);
    expect(exitCode).toBe(2);
    expect(err).toContain('for an upload to team/web');
    expect(err).toContain('; where a Harbor lacks the project, --create-projects makes it\n');
    expect([...(harbor.harbor?.projects.keys() ?? [])]).toEqual(['library']);
  });

  test('gets the projects that it lacks, private, each once', async () => {
    const { outcomes, err, exitCode } = await copy(...args(), '--to', `${harbor.url}/{name}/x`, '--create-projects');
    expect([exitCode, outcomes]).toEqual([0, ['copied', 'copied', 'copied', 'copied']]);
    expect([...(harbor.harbor?.projects ?? [])]).toEqual([
      ['library', 'public'],
      ['other', 'private'],
      ['team', 'private'],
      ['web', 'private'],
    ]);
    expect(err.match(/^note: made the private project \w+ at /gm)).toHaveLength(3);
    const again = await copy(...args(), '--create-projects');
    expect([again.outcomes, again.err]).toEqual([['upToDate', 'upToDate'], expect.not.stringContaining('note:')]);
  });

  test('makes none in a dry run', async () => {
    await run(['copy', ...args(), '--create-projects', '--dry-run']);
    expect(harbor.harbor?.projects.size).toBe(1);
  });

  test('that refuses to make one is named with the project, and no password is said', async () => {
    await logIn('hunter9');
    const { err, exitCode } = await run(['copy', ...args(), '--create-projects']);
    expect(exitCode).toBe(2);
    expect(err).toContain(`note: ${new URL(harbor.url).host} wants a login for the project team`);
    expect(err).not.toContain('hunter9');
  });

  test('that is none is asked nothing but what it is, and is not told the login', async () => {
    const plain = await start();
    const asked: [string, boolean][] = [];
    plain.faults.add({
      when: { path: '^/api/' },
      action: (request, next) => {
        asked.push([request.path, request.headers.authorization !== undefined]);
        return next(request);
      },
    });
    const { exitCode, err } = await copy(`${old.url}/web:1`, '--to', `${plain.url}/team/`, '--create-projects');
    expect([exitCode, asked]).toEqual([0, [['/api/v2.0/ping', false]]]);
    expect(err).not.toContain('note:');
  });
});
