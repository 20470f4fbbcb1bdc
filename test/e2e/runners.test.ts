// Machines that keep nothing from one run to the next, with the program as a person starts it: each has a working folder
// of its own, and finds the state of the job at a docker-registry.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JobReport, SyncReport } from '../../src/sync/report.ts';
import { ScratchRepository } from '../support/library/scratch-repository.ts';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.ts';
import { type HubProcess, startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { until } from '../support/programs/until.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const missing = missingPrograms('docker-registry', 'git');

describe.skipIf(missing !== undefined)(`runners that keep nothing${skipNote(missing)}`, () => {
  test('the second one, after the library has moved on, does what changed and no more', async () => {
    await using world = await openRunnerWorld();
    expect((await world.runOnce()).tags).toMatchObject({ upToDate: 0, failed: 0, deferred: 0 });
    await world.moveOn();
    await world.hub.resetCounters();
    const second = await world.runOnce();
    expect(second.notices).toEqual([]);
    expect(second.changes?.tags).toBeGreaterThan(0);
    expect(second.tags).toMatchObject({ copied: second.changes?.tags, failed: 0 });
    expect(second.tags.upToDate).toBeGreaterThan(0);
    const repositories = new Set((await world.hub.expected()).map(({ repository }) => repository)).size;
    expect(await world.hub.counters()).toMatchObject({ apiCalls: repositories });
    expect(await world.wrong()).toEqual([]);

    await world.hub.resetCounters();
    const third = await world.runOnce();
    expect(third.tags).toMatchObject({ copied: 0, upToDate: third.tags.wanted });
    expect(await world.hub.counters()).toMatchObject({ apiCalls: repositories, manifestHeads: 0, manifestGets: 0 });
  });

  test('one that is killed in its middle takes nothing from the next', async () => {
    await using world = await openRunnerWorld();
    await world.runOnce();
    await world.moveOn();
    await world.hub.setFaults({ when: { kind: 'manifest', method: 'GET', nth: [2, 1000] }, action: ['hang'] });
    await using killed = await openWharf(world.addresses);
    await using running = await world.start(killed);
    await until(async () => (await world.hub.counters()).manifestGets > 1);
    running.kill('SIGKILL');
    expect((await running.exited).code).toBe(137);
    await world.hub.setFaults();
    const next = await world.runOnce();
    expect(next.notices).toEqual([]);
    expect(next.tags).toMatchObject({ failed: 0, deferred: 0 });
    expect(await world.wrong()).toEqual([]);
  });

  test('one that is told to stop leaves what it knows', async () => {
    await using world = await openRunnerWorld();
    await world.hub.setFaults({ when: { kind: 'manifest', method: 'GET', nth: [8, 1000] }, action: ['hang'] });
    await using stopped = await openWharf(world.addresses);
    await using running = await world.start(stopped);
    await until(async () => (await world.hub.counters()).manifestGets > 7);
    running.kill('SIGTERM');
    expect((await running.exited).code).toBe(143);
    expect(await world.target.tags('wharf/state')).toEqual(['library']);
    await world.hub.setFaults();
    expect((await world.runOnce()).notices).toEqual([]);
    expect(await world.wrong()).toEqual([]);
  });

  test('state that somebody else wrote there is refused in a sentence, and everything is looked at', async () => {
    await using world = await openRunnerWorld();
    const first = await world.runOnce();
    await world.putAsState('library/nginx', 'latest');
    const second = await world.runOnce();
    expect(second.notices).toEqual([
      expect.stringMatching(/wharf\/state:library is something else, so all is looked at$/),
    ]);
    expect(second.tags).toMatchObject({ wanted: first.tags.wanted, upToDate: first.tags.wanted });
    expect((await world.runOnce()).notices).toEqual([]);
  });

  test('--full takes no notice of it', async () => {
    await using world = await openRunnerWorld();
    await world.runOnce();
    await world.hub.resetCounters();
    const report = await world.runOnce(['--full']);
    expect(report).toMatchObject({ notices: [], tags: { copied: 0 } });
    expect((await world.hub.counters()).manifestGets).toBe(0);
  });
});

interface RunnerWorld extends AsyncDisposable {
  readonly hub: HubProcess;
  readonly target: RegistryProbe;
  readonly addresses: { readonly registryUrl: string; readonly apiUrl: string };
  start(wharf: Wharf, args?: readonly string[]): ReturnType<Wharf['start']>;
  /** On a machine of its own, which is gone afterwards. */
  runOnce(args?: readonly string[]): Promise<JobReport>;
  /** The library's nginx is built anew, in git and at the hub. */
  moveOn(): Promise<void>;
  /** Has the state's tag mean an image. */
  putAsState(repository: string, tag: string): Promise<void>;
  wrong(): Promise<readonly string[]>;
}

async function openRunnerWorld(): Promise<RunnerWorld> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await scratchFolder('library'));
  const library = new ScratchRepository(folder.path);
  cpSync(SMALL_LIBRARY, folder.path, { recursive: true });
  library.commit({});
  const hub = opened.use(await startHubProcess({ library: folder.path }));
  const registry: DockerRegistry = opened.use(await startDockerRegistry());
  const target = new RegistryProbe(registry.url);
  const addresses = { registryUrl: hub.registryUrl, apiUrl: hub.apiUrl };
  const start: RunnerWorld['start'] = (wharf, args = []) =>
    wharf.start(
      ['sync', '--catalog', `official-images:file://${folder.path}`, '--state', 'target', '--json', ...args],
      {
        REGISTRY_DOMAIN: registry.url,
      },
    );
  const running = opened.move();
  return {
    hub,
    target,
    addresses,
    start,
    runOnce: async (args) => {
      await using wharf = await openWharf(addresses);
      const { code, stdout, stderr } = await (await start(wharf, args)).exited;
      if (code !== 0) throw new Error(`wharf ended with ${code}: ${stderr}${stdout}`);
      const [job] = (JSON.parse(stdout) as SyncReport).jobs;
      if (job === undefined) throw new Error('the report has no job');
      return job;
    },
    moveOn: async () => {
      const file = path.join(folder.path, 'library/nginx');
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^GitCommit: .*/gm, `GitCommit: ${'0'.repeat(40)}`));
      library.commit({});
      await hub.moveTo(folder.path);
    },
    putAsState: async (repository, tag) => {
      const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json';
      const index = await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`, { headers: { accept } });
      const { manifests = [] } = (await index.json()) as { manifests?: { digest: string }[] };
      await copyImage(registry.url, repository, manifests[0]?.digest ?? tag);
    },
    wrong: async () => [...(await target.missing(manifestsOf(await hub.expected()))), ...(await target.broken())],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** An image of one platform, to where the state is. */
async function copyImage(url: string, repository: string, reference: string): Promise<void> {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
  const image = await fetch(`${url}/v2/${repository}/manifests/${reference}`, { headers: { accept } });
  const bytes = await image.text();
  const { config, layers } = JSON.parse(bytes) as { config: { digest: string }; layers: { digest: string }[] };
  for (const { digest } of [config, ...layers]) {
    const mount = `${url}/v2/wharf/state/blobs/uploads/?mount=${digest}&from=${repository}`;
    const { status } = await fetch(mount, { method: 'POST' });
    if (status !== 201) throw new Error(`the registry answered ${status} for a mount`);
  }
  const headers = { 'content-type': image.headers.get('content-type') ?? '' };
  const put = await fetch(`${url}/v2/wharf/state/manifests/library`, { method: 'PUT', headers, body: bytes });
  if (put.status !== 201) throw new Error(`the registry answered ${put.status} for the image`);
}
