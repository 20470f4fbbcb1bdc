// A registry of our own, as a process: real clients push and pull, a sync fills it, and a kill loses nothing.
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type RunningProgram, startProgram } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const LIBRARY = ['--catalog', `official-images:${SMALL_LIBRARY}`];

interface Serving {
  readonly url: string;
  readonly program: RunningProgram;
}

async function serve(wharf: Wharf, hosted = '**'): Promise<Serving> {
  const program = await wharf.start(['serve', '--hosted', hosted, '--listen', '127.0.0.1:0']);
  return { url: (await program.firstLine).replace('listening on ', ''), program };
}

async function stop({ program }: Serving, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') {
  process.kill(program.pid, signal);
  return await program.exited;
}

describe('wharf serve', () => {
  test('takes a sync as any registry does, and has every byte of it', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using wharf = await openWharf(hub);
    const serving = await serve(wharf);
    expect(await wharf.run(['sync', ...LIBRARY, '--to', serving.url])).toMatchObject({ code: 0 });
    const probe = new RegistryProbe(serving.url);
    expect(await probe.missing(manifestsOf(await hub.expected()))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
    expect(await stop(serving)).toMatchObject({ code: 0 });
  });

  test('serves what a sync put into the store while it ran', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using wharf = await openWharf(hub);
    const serving = await serve(wharf);
    expect(await wharf.run(['sync', ...LIBRARY, '--to', 'store'])).toMatchObject({ code: 0 });
    const probe = new RegistryProbe(serving.url);
    expect(await probe.missing(manifestsOf(await hub.expected()))).toEqual([]);
    expect(await probe.broken()).toEqual([]);
    await hub.resetCounters();
    const { stdout } = await wharf.run(['sync', ...LIBRARY, '--to', 'store', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [{ tags: { copied: 0, failed: 0 } }] });
    expect(await hub.counters()).toMatchObject({ manifestGets: 0, blobGets: 0 });
    await stop(serving);
  });

  test('has lost nothing that it acknowledged after a kill', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, latencyMs: 5 });
    await using wharf = await openWharf(hub);
    const first = await serve(wharf);
    const syncing = await wharf.start(['sync', ...LIBRARY, '--to', first.url]);
    const before = new RegistryProbe(first.url);
    await expect.poll(async () => (await before.repositories()).length, { timeout: 20_000 }).toBeGreaterThan(1);
    await stop(first, 'SIGKILL');
    process.kill(syncing.pid, 'SIGKILL');
    await syncing.exited;
    const again = await serve(wharf);
    expect(await new RegistryProbe(again.url).broken()).toEqual([]);
    expect(await wharf.run(['sync', ...LIBRARY, '--to', again.url])).toMatchObject({ code: 0 });
    expect(await new RegistryProbe(again.url).missing(manifestsOf(await hub.expected()))).toEqual([]);
    await stop(again);
  });

  test('hosts only the names that it was told to', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf, 'team/**');
    const refused = await fetch(`${serving.url}/v2/other/app/blobs/uploads/`, { method: 'POST' });
    expect([refused.status, await refused.json()]).toMatchObject([404, { errors: [{ code: 'NAME_UNKNOWN' }] }]);
    const taken = await fetch(`${serving.url}/v2/team/app/blobs/uploads/?digest=${digestOf('x')}`, {
      method: 'POST',
      body: 'x',
    });
    expect(taken.status).toBe(201);
    const { stderr } = await stop(serving);
    expect(stderr).toContain(taken.headers.get('x-request-id'));
  });

  test('says in a sentence what is wrong with an address', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf);
    const second = await wharf.run(['serve', '--hosted', '**', '--listen', new URL(serving.url).host]);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('cannot be listened on');
    expect(await wharf.run(['serve', '--hosted', '**', '--listen', 'nonsense'])).toMatchObject({ code: 2 });
    expect(await wharf.run(['serve'])).toMatchObject({ code: 2 });
    await stop(serving);
  });
});

const missing = missingPrograms('skopeo');

describe.skipIf(missing !== undefined)(`skopeo and wharf serve${skipNote(missing)}`, () => {
  test('an image goes in, to another repository, and out again with the same digests', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using wharf = await openWharf();
    await using folder = await scratchFolder('skopeo');
    const serving = await serve(wharf);
    const { host } = new URL(serving.url);
    const from = `docker://${new URL(hub.registryUrl).host}/library/nginx:latest`;
    for (const [source, destination] of [
      [from, `docker://${host}/team/nginx:1`],
      [`docker://${host}/team/nginx:1`, `docker://${host}/team/copy:1`],
      [`docker://${host}/team/copy:1`, `dir:${path.join(folder.path, 'out')}`],
    ] as const) {
      expect(await copyAll(source, destination)).toMatchObject({ code: 0 });
    }
    const wanted = (await hub.expected()).find(
      ({ repository, tag }) => `${repository}:${tag}` === 'library/nginx:latest',
    );
    expect(await new RegistryProbe(serving.url).digest('team/copy', '1')).toBe(wanted?.digest);
    await stop(serving);
  });
});

async function copyAll(source: string, destination: string) {
  const flags = ['copy', '--all', '--src-tls-verify=false'];
  if (destination.startsWith('docker:')) flags.push('--dest-tls-verify=false');
  return await (
    await startProgram('skopeo', [...flags, source, destination])
  ).exited;
}
