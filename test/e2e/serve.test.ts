// A registry of our own, as a process: real clients push and pull, a sync fills it, and a kill loses nothing.
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { freePort } from '../support/programs/free-port.ts';
import { startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type Exit, type RunningProgram, startProgram } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { scratchFolder } from '../support/programs/scratch-folder.ts';
import { manifestsOf } from '../support/programs/sync-world.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

const LIBRARY = ['--catalog', `official-images:${SMALL_LIBRARY}`];

interface Serving {
  readonly url: string;
  readonly program: RunningProgram;
}

async function serve(wharf: Wharf, hosted = '**', flags: readonly string[] = ['--admin', 'off']): Promise<Serving> {
  const program = await wharf.start(['serve', '--hosted', hosted, '--listen', '127.0.0.1:0', ...flags]);
  return { url: (await program.firstLine).replace('listening on ', ''), program };
}

/** With health and metrics. */
async function serveOpenly(wharf: Wharf): Promise<Serving & { readonly admin: string }> {
  const address = `127.0.0.1:${await freePort()}`;
  return { ...(await serve(wharf, '**', ['--admin', address])), admin: `http://${address}` };
}

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Throws where a line is none of the log. */
function linesOf({ stderr }: Exit): LogLine[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
}

function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** Of a folder: a process has sockets besides, and how many of them is its clients' choice. */
function openFiles(pid: number, folder: string): number {
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  return descriptors.filter((name) => linkOf(`/proc/${pid}/fd/${name}`).startsWith(folder)).length;
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
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
    expect(await stop(serving)).toMatchObject({ code: 143 });
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

  test('hosts only the names that it was told to, for whoever is not on its machine', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf, 'team/**');
    const refused = await fetch(`${serving.url}/v2/other/app/blobs/uploads/`, {
      method: 'POST',
      headers: { 'x-forwarded-for': '203.0.113.7' },
    });
    expect([refused.status, await refused.json()]).toMatchObject([405, { errors: [{ code: 'UNSUPPORTED' }] }]);
    const taken = await fetch(`${serving.url}/v2/team/app/blobs/uploads/?digest=${digestOf('x')}`, {
      method: 'POST',
      body: 'x',
    });
    expect(taken.status).toBe(201);
    const { stderr } = await stop(serving);
    expect(stderr).toContain(taken.headers.get('x-request-id'));
  });

  // Only Linux shows a process's open files and memory to others.
  test.runIf(process.platform === 'linux')('bears ten thousand uploads that are begun and left', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf);
    const { pid } = serving.program;
    const begin = async () => {
      const answer = await fetch(`${serving.url}/v2/left/blobs/uploads/`, { method: 'POST' });
      await answer.body?.cancel();
      return answer.status;
    };
    const beginMany = (count: number) => Promise.all(Array.from({ length: count }, begin));
    await beginMany(100);
    const filesBefore = openFiles(pid, wharf.folder);
    for (let begun = 0; begun < 10_000; begun += 100) expect(new Set(await beginMany(100))).toEqual(new Set([202]));
    expect(openFiles(pid, wharf.folder) - filesBefore).toBeLessThan(10);
    // What ten thousand requests of any kind leave to the garbage collector; it grows no further with more of them.
    expect(residentBytes(pid)).toBeLessThan(350 * 1024 * 1024);
    expect(await stop(serving)).toMatchObject({ code: 143 });
  });

  test('says in a sentence what is wrong with an address', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf);
    const { host } = new URL(serving.url);
    for (const [flags, sentence] of [
      [['--listen', host, '--admin', 'off'], 'cannot be listened on'],
      [['--listen', '127.0.0.1:0', '--admin', host], 'choose another with --admin, or --admin off'],
      [['--listen', host, '--admin', host], 'need an address of their own: --admin'],
      [['--listen', 'nonsense'], '"nonsense" is not an address'],
      [['--admin', 'nonsense'], 'or off'],
    ] as const) {
      const { code, stderr } = await wharf.run(['serve', '--hosted', '**', ...flags]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)]);
    }
    await stop(serving);
  });

  test('keeps an immutable tag where it is', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf, '**', ['--admin', 'off', '--immutable', 'team/*:v*']);
    const push = (text: string) =>
      fetch(`${serving.url}/v2/team/app/manifests/v1`, {
        method: 'PUT',
        headers: { 'content-type': MEDIA_TYPES.ociIndex },
        body: JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPES.ociIndex,
          manifests: [],
          annotations: { text },
        }),
      });
    expect([(await push('a')).status, (await push('a')).status]).toEqual([201, 201]);
    const refused = await push('b');
    expect([refused.status, await refused.json()]).toMatchObject([403, { errors: [{ code: 'DENIED' }] }]);
    await stop(serving);
  });
});

describe('whoever runs wharf serve', () => {
  test('is told how it is on the admin listener, and nowhere else', async () => {
    await using wharf = await openWharf();
    const { url, admin, ...serving } = await serveOpenly(wharf);
    expect((await fetch(`${url}/v2/`)).status).toBe(200);
    for (const path of ['healthz', 'readyz']) expect(await (await fetch(`${admin}/${path}`)).text()).toBe('ok\n');
    const metrics = await fetch(`${admin}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('version=0.0.4');
    expect(await metrics.text()).toContain('wharf_http_requests_total{method="GET",route="ping",status="200"} 1\n');
    for (const path of ['healthz', 'readyz', 'metrics']) expect((await fetch(`${url}/${path}`)).status).toBe(404);
    expect((await fetch(`${admin}/v2/`)).status).toBe(404);
    const lines = linesOf(await stop({ url, ...serving }));
    expect(lines[0]).toMatchObject({ msg: 'admin listening', address: admin });
  });

  test('learns from /readyz why nothing can be pushed', async () => {
    await using wharf = await openWharf({ registryUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1' });
    const serving = await serveOpenly(wharf);
    await writeFile(path.join(wharf.dataFolder, 'blobs-v1', 'uploads'), 'in the way');
    const answer = await fetch(`${serving.admin}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('cannot be used (ENOTDIR)')]);
    expect((await fetch(`${serving.admin}/healthz`)).status).toBe(200);
    const lines = linesOf(await stop(serving));
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', msg: 'not ready' }));
  });

  test('has a line for each request, also for those just before a stop', async () => {
    await using wharf = await openWharf();
    const serving = await serve(wharf);
    const ids = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const answer = await fetch(`${serving.url}/v2/team/app/manifests/${index}`);
        await answer.bytes();
        return answer.headers.get('x-request-id');
      }),
    );
    const exit = await stop(serving);
    const requests = linesOf(exit).filter(({ msg }) => msg === 'request');
    expect(requests).toHaveLength(ids.length);
    expect(new Set(requests.map(({ id }) => id))).toEqual(new Set(ids));
    expect(requests[0]).toMatchObject({ level: 'info', method: 'GET', route: 'manifest', status: 404 });
    expect(exit.stderr).not.toMatch(/error/i);
  });

  test('stops it without breaking what is under way: it is not ready, takes nobody new, and ends with 143', async () => {
    await using wharf = await openWharf();
    const { url, admin, program } = await serveOpenly(wharf);
    const begun = await fetch(`${url}/v2/team/app/blobs/uploads/`, { method: 'POST' });
    const push = openPush(new URL(begun.headers.get('location') ?? '', url));
    await push.begun;
    process.kill(program.pid, 'SIGTERM');
    await expect.poll(async () => await (await fetch(`${admin}/readyz`)).text()).toBe('the server is stopping\n');
    expect((await fetch(`${admin}/healthz`)).status).toBe(200);
    await expect(fetch(`${url}/v2/`)).rejects.toThrow();
    expect(await push.end()).toBe(202);
    const exit = await program.exited;
    expect(exit.code).toBe(143);
    const lines = linesOf(exit);
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'request', method: 'PATCH', status: 202 }));
    expect(lines.map(({ msg }) => msg).slice(-1)).toEqual(['stopped']);
  });

  test('gets lines for people, or only what is worse, if that is wanted', async () => {
    await using wharf = await openWharf();
    const people = await serve(wharf, '**', ['--admin', 'off', '--log-format', 'text']);
    await (await fetch(`${people.url}/v2/?token=secret`)).bytes();
    const { stderr } = await stop(people);
    expect(stderr).toMatch(/^127\.0\.0\.1 "GET \/v2\/" 200 2 B \d+ ms [0-9a-f-]{36}\nstopping\nstopped\n$/);
    const quiet = await serve(wharf, '**', ['--admin', 'off', '--log-level', 'warn']);
    await (await fetch(`${quiet.url}/v2/`)).bytes();
    expect(await stop(quiet)).toMatchObject({ stderr: '' });
  });
});

/** A push that the server waits for until `end` is called, which answers with the status. */
function openPush(url: URL) {
  const headers = { 'content-length': 2, expect: '100-continue' };
  const message = request(url, { method: 'PATCH', headers });
  const answered = once(message, 'response') as Promise<[{ readonly statusCode: number; resume(): void }]>;
  return {
    begun: once(message, 'continue'),
    async end(): Promise<number> {
      message.end('ab');
      const [answer] = await answered;
      answer.resume();
      return answer.statusCode;
    },
  };
}

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
