// What is wrong is said in one sentence that names the side at fault and what to do, before anything has been fetched.
import { appendFile, cp, rename } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ScratchRepository } from '../support/library/scratch-repository.ts';
import { freePort } from '../support/programs/free-port.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import type { Exit } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { type SyncWorld, manifestsOf, openSyncWorld } from '../support/programs/sync-world.ts';

const missing = missingPrograms('docker-registry', 'git');

/** Of ada, whose password is "secret". */
const HTPASSWD = 'ada:$2y$05$42L84uJE066O0qX8PIC9kOh4YMRPSX5DAgHKKAceMAWMKW1f/B0wC';

describe.skipIf(missing !== undefined)(`wharf sync to a target that wants a login${skipNote(missing)}`, () => {
  const login = (world: SyncWorld, password: string) => ({
    REGISTRY_DOMAIN: world.registry.host,
    REGISTRY_USER: 'ada',
    REGISTRY_PASSWORD: password,
  });

  test('REGISTRY_DOMAIN, REGISTRY_USER and REGISTRY_PASSWORD say where to, and who', async () => {
    await using world = await openSyncWorld({ registry: { htpasswd: HTPASSWD } });
    const { code, report } = await world.sync([], login(world, 'secret'));
    expect(report.failures).toEqual([]);
    expect(code).toBe(0);
    const target = new RegistryProbe(world.registry.url, 'ada:secret');
    expect(await target.missing(manifestsOf(await world.hub.expected()))).toEqual([]);
  });

  test('a wrong password is one sentence, and nothing is fetched for it', async () => {
    await using world = await openSyncWorld({ registry: { htpasswd: HTPASSWD } });
    const exit = await world.sync([], login(world, 'open-sesame'));
    expectOneSentence(exit, new RegExp(`target.*${world.registry.host}.*(login|password)`));
    expect(exit.stderr).not.toContain('open-sesame');
    expect(await fetched(world)).toBe(0);
  });

  test('a missing login is one sentence, and nothing is fetched for it', async () => {
    await using world = await openSyncWorld({ registry: { htpasswd: HTPASSWD } });
    expectOneSentence(await world.sync(), /target.*wharf login/);
    expect(await fetched(world)).toBe(0);
  });
});

describe.skipIf(missing !== undefined)(`wharf sync to a target that cannot be used${skipNote(missing)}`, () => {
  test('a registry that is read-only', async () => {
    await using world = await openSyncWorld({ registry: { isReadOnly: true } });
    expectOneSentence(await world.sync(), /target.*read-only/);
    expect(await fetched(world)).toBe(0);
  });

  test('a port where nothing listens', async () => {
    await using world = await openSyncWorld();
    const host = `127.0.0.1:${await freePort()}`;
    expectOneSentence(await world.sync(['--to', host]), new RegExp(`target.*${host}.*refused the connection`));
    expect(await fetched(world)).toBe(0);
  });

  test('a host that nobody knows', async () => {
    await using world = await openSyncWorld();
    expectOneSentence(await world.sync(['--to', 'registry.invalid']), /target.*registry\.invalid.*not known/);
    expect(await fetched(world)).toBe(0);
  });

  test('https asked of a port that speaks plain http', async () => {
    await using world = await openSyncWorld();
    const exit = await world.sync(['--to', `https://${world.registry.host}`]);
    expectOneSentence(exit, new RegExp(`target.*${world.registry.host}.*TLS.*http://`));
    expect(await fetched(world)).toBe(0);
  });
});

describe.skipIf(missing !== undefined)(
  `wharf sync of a configuration or a catalog that is wrong${skipNote(missing)}`,
  () => {
    test('an unknown key is named with file, line and column', async () => {
      await using world = await openSyncWorld();
      await world.wharf.configure('data: ./data\nsync:\n  - name: library\n    platfroms: all\n');
      const { code, stderr } = await world.sync();
      expect(code).toBe(2);
      expect(stderr).toMatch(/wharf\.yaml:4:5\b.*platfroms/);
      expect(await fetched(world)).toBe(0);
    });

    test('a broken library file is named with its line, and all others are done', async () => {
      await using folder = await scratchFolder('library');
      await cp(SMALL_LIBRARY, folder.path, { recursive: true });
      await using world = await openSyncWorld();
      await appendFile(path.join(folder.path, 'library/redis'), '\nTags: 7\nArchitectures amd64\n');
      const { code, report } = await world.sync(['--catalog', `official-images:${folder.path}`]);
      expect(code).toBe(1);
      expect(report.failures).toMatchObject([
        { reference: expect.stringMatching(/library\/redis:15$/), origin: 'catalog', message: expect.any(String) },
      ]);
      const others = (await world.hub.expected()).filter(({ repository }) => repository !== 'library/redis');
      expect(await world.target.missing(manifestsOf(others))).toEqual([]);
      expect(report.tags).toMatchObject({ wanted: others.length, copied: others.length });
    });

    test('a git repository that cannot be reached is one sentence; where there is an earlier copy, that is used', async () => {
      await using folder = await scratchFolder('git');
      const origin = path.join(folder.path, 'origin');
      const repository = new ScratchRepository(origin);
      await cp(path.join(SMALL_LIBRARY, 'library'), path.join(origin, 'library'), { recursive: true });
      repository.commit({});
      await using world = await openSyncWorld();
      const catalog = ['--catalog', `official-images:file://${origin}`];

      await rename(origin, `${origin}.away`);
      expectOneSentence(await world.sync(catalog), /could not be fetched.*no earlier copy/);
      expect(await fetched(world)).toBe(0);

      await rename(`${origin}.away`, origin);
      expect(await world.sync(catalog)).toMatchObject({ code: 0, report: { notices: [] } });
      expect(await world.missing()).toEqual([]);

      await rename(origin, `${origin}.away`);
      const { code, report } = await world.sync(catalog);
      expect(code).toBe(0);
      expect(report.notices).toEqual([expect.stringMatching(/could not be fetched.*copy of .* was read instead/)]);
      expect(report.tags.upToDate).toBe(report.tags.wanted);
    });
  },
);

function expectOneSentence({ code, stdout, stderr }: Exit, pattern: RegExp): void {
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(pattern);
  expect(stdout).toBe('');
  expect(code).toBe(2);
}

/** Requests for content that the hub has seen. */
async function fetched({ hub }: SyncWorld): Promise<number> {
  const { manifestGets, blobGets, cdnGets } = await hub.counters();
  return manifestGets + blobGets + cdnGets;
}
