// What tags mean, as files: for a whole library, within a budget, and out of what others have.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY, openRealLibrary } from '../support/programs/library-folder.ts';
import { runProgram } from '../support/programs/program.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';
import { WHARF, type Wharf, openWharf } from '../support/programs/wharf.ts';

const WHOLE_LIBRARY_MS = 5 * 60_000;
const CATALOG = ['--catalog', `official-images:${SMALL_LIBRARY}`];

interface Report {
  readonly tags: Readonly<Record<string, number>>;
  readonly files: Readonly<Record<string, number>>;
}

async function dump(wharf: Wharf, ...args: readonly string[]): Promise<Report & { readonly code: number }> {
  const { code, stdout, stderr } = await wharf.run(['manifests', '--json', ...args]);
  if (!stdout.startsWith('{')) throw new Error(`wharf manifests ended with ${code}: ${stderr}`);
  return { ...(JSON.parse(stdout) as Report), code };
}

async function distinctDigests(hub: HubProcess): Promise<string[]> {
  return [...new Set(manifestsOf(await hub.expected()).map(({ digest }) => digest))].toSorted();
}

/** The digests of the files, by their names; and whether a file holds other bytes than its name says. */
async function dumped(wharf: Wharf): Promise<{ digests: string[]; wrong: string[] }> {
  const at = path.join(wharf.folder, 'manifests/sha256');
  const digests: string[] = [];
  const wrong: string[] = [];
  for (const name of await filesIn(wharf)) {
    const digest = name.replace(/\.json$/, '');
    digests.push(`sha256:${digest}`);
    const found = createHash('sha256').update(await readFile(path.join(at, name)));
    if (found.digest('hex') !== digest) wrong.push(name);
  }
  return { digests: digests.toSorted(), wrong };
}

/** None before the dump has begun. */
async function filesIn({ folder }: Wharf): Promise<string[]> {
  const at = path.join(folder, 'manifests/sha256');
  return existsSync(at) ? await readdir(at) : [];
}

async function tagsIn({ folder }: Wharf): Promise<Map<string, string>> {
  const lines = (await readFile(path.join(folder, 'manifests/tags.tsv'), 'utf8')).trimEnd().split('\n');
  return new Map(lines.map((line) => line.split('\t').slice(0, 2) as [string, string]));
}

async function expectedTags(hub: HubProcess): Promise<Map<string, string>> {
  const tags = await hub.expected();
  return new Map(tags.map(({ repository, tag, digest }) => [`${repository.replace('library/', '')}:${tag}`, digest]));
}

const sorted = (map: ReadonlyMap<string, string>) => [...map].toSorted(([one], [other]) => (one < other ? -1 : 1));

describe('wharf manifests', () => {
  test(
    'of the whole library is every manifest under its digest, none fetched twice; a second run fetches nothing',
    async () => {
      await using library = await openRealLibrary();
      await using hub = await startHubProcess({ library: library.path });
      await using wharf = await openWharf(hub);
      const catalog = ['--catalog', `official-images:${library.path}`];
      const expected = await distinctDigests(hub);
      const first = await dump(wharf, ...catalog);
      expect(first).toMatchObject({ code: 0, files: { fetched: expected.length, present: 0 } });
      expect(await dumped(wharf)).toEqual({ digests: expected, wrong: [] });
      expect(sorted(await tagsIn(wharf))).toEqual(sorted(await expectedTags(hub)));
      expect((await hub.counters()).manifestGets).toBe(expected.length);
      await hub.resetCounters();
      const second = await dump(wharf, ...catalog);
      expect(second).toMatchObject({ code: 0, files: { fetched: 0, present: expected.length } });
      expect((await hub.counters()).manifestGets).toBe(0);
    },
    WHOLE_LIBRARY_MS,
  );

  test('takes what wharf catalog prints, and names the same tags', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using wharf = await openWharf(hub);
    const line =
      '"$1" catalog --catalog "$2" --format tags | tee list | "$1" manifests --file - && cut -f1 manifests/tags.tsv';
    const options = { cwd: wharf.folder, env: { HOME: wharf.folder } };
    const args = ['-o', 'pipefail', '-c', line, 'sh', WHARF, `official-images:${SMALL_LIBRARY}`];
    const { code, stdout } = await runProgram('bash', args, options);
    expect(code).toBe(0);
    const listed = (await readFile(path.join(wharf.folder, 'list'), 'utf8')).trimEnd().split('\n');
    expect(stdout.trimEnd().split('\n').slice(1)).toEqual(listed.toSorted());
    expect(sorted(await tagsIn(wharf))).toEqual(sorted(await expectedTags(hub)));
  });

  test('within a budget stops with 3, and goes on in the next window without paying twice', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, limit: 20, windowSeconds: 2 });
    await using wharf = await openWharf(hub);
    await wharf.configure(
      JSON.stringify({
        upstreams: { 'docker.io': { url: hub.registryUrl, hubApi: hub.apiUrl, reserve: 0 } },
        data: './data',
      }),
    );
    const expected = await distinctDigests(hub);
    const codes: number[] = [];
    await until(async () => {
      const { code, tags } = await dump(wharf, ...CATALOG);
      codes.push(code);
      expect(tags['deferred'] === 0).toBe(code === 0);
      return code === 0;
    });
    expect(codes[0]).toBe(3);
    expect(new Set(codes)).toEqual(new Set([3, 0]));
    expect((await hub.counters()).manifestGets).toBe(expected.length);
    expect((await hub.counters()).refused).toBe(0);
    expect(await dumped(wharf)).toEqual({ digests: expected, wrong: [] });
  });

  test('costs nothing where a mirror or the store has the manifests', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using mirror = await startHubProcess({ library: SMALL_LIBRARY });
    await using wharf = await openWharf({ ...hub, mirrors: [{ url: mirror.registryUrl, for: ['manifests'] }] });
    const expected = await distinctDigests(hub);
    expect(await dump(wharf, ...CATALOG)).toMatchObject({ code: 0 });
    expect(await dumped(wharf)).toEqual({ digests: expected, wrong: [] });
    expect((await hub.counters()).manifestGets).toBe(0);

    await using other = await openWharf(hub);
    expect((await other.run(['sync', ...CATALOG, '--to', 'store'])).code).toBe(0);
    await hub.resetCounters();
    expect(await dump(other, ...CATALOG, '--configs')).toMatchObject({ code: 0 });
    const { manifestGets, blobGets } = await hub.counters();
    expect([manifestGets, blobGets]).toEqual([0, 0]);
  });

  test('killed in its middle leaves no file in part, and the next one fetches the rest', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, latencyMs: 20 });
    await using wharf = await openWharf(hub);
    const expected = await distinctDigests(hub);
    const running = await wharf.start(['manifests', ...CATALOG]);
    await until(async () => (await filesIn(wharf)).length > 10);
    running.kill('SIGKILL');
    await running.exited;
    const before = await dumped(wharf);
    expect(before.wrong).toEqual([]);
    const present = before.digests.length;
    const files = { present, fetched: expected.length - present };
    expect(await dump(wharf, ...CATALOG)).toMatchObject({ code: 0, files });
    expect(await dumped(wharf)).toEqual({ digests: expected, wrong: [] });
  });
});
