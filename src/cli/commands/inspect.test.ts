// What a pull takes, step by step, of a registry that counts and of one that does not.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { catalogImage } from '../../../test/support/hub/catalog-image.ts';
import { startHub } from '../../../test/support/hub/hub.ts';
import { attestationOf, forPlatform, image, index, store } from '../../../test/support/image-graph.ts';
import { refuse } from '../../../test/support/origin/fault-actions.ts';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { referrerOf } from '../../../test/support/registry/referrer-graph.ts';
import { type Registry, startRegistry } from '../../../test/support/registry/registry.ts';
import type { ImageInspection } from '../../app/image-inspection.ts';
import { cosignTags, referrersTag } from '../../copy/referrer-tags.ts';
import { main } from '../main.ts';

const amd64 = forPlatform(image('amd64', ['base', 'of amd64']), 'linux/amd64');
const arm64 = forPlatform(image('arm64', ['base', 'of arm64']), 'linux/arm64');
const web = index(amd64, arm64, attestationOf(amd64));

let folder: string;
let opened: AsyncDisposableStack;
let registry: Registry;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-inspect-'));
  opened.defer(() => rm(folder, { recursive: true }));
  registry = opened.use(await startRegistry({ referrers: true }));
  store(registry, 'web', web, '1');
});
afterEach(() => opened.disposeAsync());

async function run(...args: readonly string[]) {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(args, terminal);
  return { ...said, exitCode };
}

interface Printed extends ImageInspection {
  readonly cost: ImageInspection['cost'] & { readonly isCounted: boolean; readonly pullsLeft?: number };
}

async function inspect(...args: readonly string[]): Promise<Printed> {
  const { out, err } = await run('inspect', '--json', ...args);
  expect(err).toBe('');
  return JSON.parse(out) as Printed;
}

const name = () => `${registry.url}/web:1`;
const sizeOf = (graph: typeof amd64) => graph.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

describe('the steps', () => {
  test('an index is one manifest, and names its platforms with their attestations', async () => {
    const { repoDigest, platforms, attestations, image: none, cost } = await inspect(name());
    expect(repoDigest).toMatchObject({ digest: web.manifest.digest, isHere: false });
    expect(platforms.map(({ platform, digest }) => [platform, digest])).toEqual([
      ['linux/amd64', amd64.manifest.digest],
      ['linux/arm64', arm64.manifest.digest],
    ]);
    expect([attestations, typeof platforms[0]?.attestation, platforms[1]?.attestation]).toEqual([
      1,
      'string',
      undefined,
    ]);
    expect(none).toBeUndefined();
    expect(cost).toEqual({ pulls: 2, bytes: 0, isKnown: false, isCounted: false });
    expect(registry.counters).toMatchObject({ manifestGets: 1, blobGets: 0, blobHeads: 0 });
  });

  test('a platform is one manifest more, with the image ID, the layers and what they weigh', async () => {
    const inspected = await inspect(name(), '--platform', 'linux/arm64');
    expect(inspected.image).toMatchObject({
      digest: arm64.manifest.digest,
      id: arm64.blobs[0]?.digest,
      layers: arm64.blobs.slice(1).map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
    });
    expect(inspected.cost).toMatchObject({ pulls: 2, bytes: sizeOf(arm64), isKnown: true });
    expect(registry.counters.manifestGets).toBe(2);
  });

  test('a person reads the digests by the names that docker gives them', async () => {
    const { out, err } = await run('inspect', name(), '--platform', 'linux/amd64');
    expect(out).toContain(`repo digest   ${web.manifest.digest}\n`);
    expect(out).toContain(
      `image digest of linux/amd64  ${amd64.manifest.digest}\nimage ID      ${amd64.blobs[0]?.digest}\n`,
    );
    expect(out).toContain('and 1 attestation\n');
    expect(out).toContain(`a pull costs 2 manifests and ${sizeOf(amd64)} B\n`);
    expect(out).not.toContain('STORE');
    expect(err).toBe('this took 2 manifest GETs\n');
  });

  test('nothing is made on the disk by looking', async () => {
    await run('inspect', name());
    expect(await readdir(folder)).toEqual([]);
  });

  test('a platform that there is not is said with those that there are', async () => {
    expect(await run('inspect', name(), '--platform', 'linux/s390x')).toMatchObject({
      exitCode: 2,
      err: 'wharf: the image has no linux/s390x; it has linux/amd64, linux/arm64\n',
    });
  });

  test.each(['http://HOST/web:*', 'oci:dir', 'docker-daemon:web:1'])('%s is refused', async (text) => {
    expect(await run('inspect', text)).toMatchObject({ exitCode: 2, out: '' });
  });
});

describe('what the store has', () => {
  beforeEach(async () => {
    await writeFile(path.join(folder, 'wharf.yaml'), 'data: ./data\n');
    await run('copy', name(), 'store:', '--platform', 'linux/amd64');
    registry.resetCounters();
  });

  test('is marked, is not asked for, and costs nothing', async () => {
    const inspected = await inspect(name(), '--platform', 'linux/amd64');
    expect(inspected.repoDigest.isHere).toBe(true);
    expect(inspected.platforms.map(({ isHere }) => isHere)).toEqual([true, false]);
    expect(inspected.image?.layers.every(({ isHere }) => isHere)).toBe(true);
    expect(inspected.cost).toMatchObject({ pulls: 0, bytes: 0, isKnown: true });
    expect(registry.counters.manifestGets).toBe(0);
  });

  test('of another platform is the layer that both share', async () => {
    const inspected = await inspect(name(), '--platform', 'linux/arm64');
    expect(inspected.image?.layers.map(({ isHere }) => isHere)).toEqual([true, false]);
    const base = arm64.blobs[1]?.sizeBytes ?? 0;
    expect(inspected.cost).toMatchObject({ pulls: 1, bytes: sizeOf(arm64) - base });
  });

  test('is all that is read with --no-pull', async () => {
    const { out, err, exitCode } = await run('inspect', name(), '--no-pull', '--platform', 'linux/arm64');
    expect(exitCode).toBe(0);
    expect(out).toContain('linux/arm64');
    expect(out).toContain('costs 1 manifest and bytes that --platform tells\n');
    expect(err).toContain('note: the store does not have all of the manifests, and none was asked for\n');
    expect(registry.counters.manifestGets).toBe(0);
  });
});

test('with --no-pull and without a store there is the digest, and no manifest was asked for', async () => {
  const inspected = await inspect(name(), '--no-pull');
  expect(inspected).toMatchObject({
    repoDigest: { digest: web.manifest.digest, sizeBytes: web.manifest.bytes.byteLength },
    platforms: [],
    cost: { pulls: 2, isKnown: false },
  });
  expect(registry.counters.manifestGets).toBe(0);
  expect(await run('inspect', name(), '--no-pull', '--raw')).toMatchObject({ exitCode: 2 });
});

describe('referrers', () => {
  test('are listed for the index and for the image, with what they are', async () => {
    const [signature, bill] = [referrerOf(web), referrerOf(amd64, 'application/spdx+json')];
    for (const graph of [signature, bill]) store(registry, 'web', graph);
    const { referrers } = await inspect(name(), '--platform', 'linux/amd64');
    expect(referrers).toEqual([
      expect.objectContaining({ digest: signature.manifest.digest, subject: web.manifest.digest, by: 'referrers' }),
      expect.objectContaining({
        digest: bill.manifest.digest,
        subject: amd64.manifest.digest,
        type: 'application/spdx+json',
      }),
    ]);
    expect(registry.counters.manifestGets).toBe(2);
  });

  test('of a registry that knows none are found under the tags that stand for them, without a GET', async () => {
    await using old = await startRegistry();
    store(old, 'web', web, '1');
    const [signature, list] = [image('signature'), index(referrerOf(web))];
    const [sig] = cosignTags(web.manifest.digest);
    store(old, 'web', signature, sig ?? '');
    store(old, 'web', list, referrersTag(web.manifest.digest));
    const { referrers } = await inspect(`${old.url}/web:1`);
    expect(referrers.map(({ tag, digest, by }) => [tag, digest, by])).toEqual([
      [referrersTag(web.manifest.digest), list.manifest.digest, 'tag'],
      [sig, signature.manifest.digest, 'tag'],
    ]);
    expect(old.counters).toMatchObject({ manifestGets: 1, manifestHeads: 5 });
  });

  test('that are not told are a note, and no failure', async () => {
    registry.faults.add({ when: { path: '/referrers/' }, action: refuse('DENIED') });
    const { notes, repoDigest } = await inspect(name());
    expect(repoDigest.digest).toBe(web.manifest.digest);
    expect(notes).toEqual([expect.stringMatching(/^its referrers are not known: /)]);
  });
});

test('of an upstream that counts pulls it says how many are left, and spends no more than it must', async () => {
  await using hub = await startHub({ images: [catalogImage('nginx', ['1.27'])], limit: 100 });
  const upstreams = { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl } };
  await writeFile(path.join(folder, 'wharf.yaml'), JSON.stringify({ upstreams, data: './data' }));
  const { cost } = await inspect('nginx:1.27');
  expect(cost).toEqual({ pulls: 2, bytes: 0, isKnown: false, isCounted: true, pullsLeft: 99 });
  expect(hub.counters.manifestGets).toBe(1);
  const { out, err } = await run('inspect', 'nginx:1.27', '--no-pull');
  expect(out).toContain('; docker.io counts manifests, and 99 pulls are left\n');
  expect(err).toContain('this took 0 manifest GETs, which the registry counts as pulls\n');
});
