// Many images to several places that others run, at once: what is fetched for one of them serves them all.
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Graph, blobsOf, forPlatform, image, index, manifestsOf } from '../support/image-graph.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { digestBySkopeo, pullBySkopeo, rawBySkopeo } from '../support/programs/skopeo.ts';
import { until } from '../support/programs/until.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';
import { referrerOf } from '../support/registry/referrer-graph.ts';
import { referrersTag } from '../../src/copy/referrer-tags.ts';

interface Copied {
  readonly source: string;
  readonly destination: string;
  readonly outcome: string;
  readonly referrers?: number;
}

async function copy(wharf: Wharf, ...args: readonly string[]) {
  const { code, stdout, stderr } = await wharf.run(['copy', '--json', ...args]);
  if (!stdout.startsWith('{')) throw new Error(`wharf copy ${args.join(' ')} ended with ${code}: ${stderr}`);
  const { copies } = JSON.parse(stdout) as { readonly copies: readonly Copied[] };
  return { code, copies, outcomes: [...new Set(copies.map(({ outcome }) => outcome))] };
}

async function serve(wharf: Wharf) {
  const program = await wharf.start(['serve', '--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off']);
  const url = (await program.firstLine).replace('listening on ', '');
  return { url, host: new URL(url).host, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** By a client of few words, so that the images are none of our program's making. */
async function push(url: string, repository: string, tag: string | undefined, graph: Graph): Promise<void> {
  for (const { digest, parts } of blobsOf(graph)) {
    const answer = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const at = new URL(answer.headers.get('location') ?? '', url);
    at.searchParams.set('digest', digest);
    expect((await fetch(at, { method: 'PUT', body: Buffer.concat(parts) })).status).toBe(201);
  }
  for (const { bytes, mediaType, digest } of manifestsOf(graph)) {
    const reference = digest === graph.manifest.digest && tag !== undefined ? tag : digest;
    const headers = { 'content-type': mediaType };
    const body = Buffer.from(bytes);
    const answer = await fetch(`${url}/v2/${repository}/manifests/${reference}`, { method: 'PUT', headers, body });
    expect(answer.status).toBe(201);
  }
}

const missing = missingPrograms('skopeo', 'docker-registry');

describe.skipIf(missing !== undefined)(`wharf copy in bulk${skipNote(missing)}`, () => {
  test('a list goes to three places from one download, with the same digests', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using one = await startDockerRegistry();
    await using two = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    await using elsewhere = await openWharf();
    await using server = await serve(elsewhere);
    const list = ['nginx:1.29', 'redis', 'python'];
    await writeFile(path.join(wharf.folder, 'images.list'), `# ours\n${list.join('\n')}\n`);

    expect(await copy(wharf, '--file', 'images.list', '--to', `${one.url}/alone/`)).toMatchObject({ code: 0 });
    const alone = await hub.counters();
    await using again = await openWharf(hub);
    await writeFile(path.join(again.folder, 'images.list'), `${list.join('\n')}\n`);
    const to = ['--to', `${one.url}/m/{name}:{tag}-mirror`, '--to', `${two.url}/m/`, '--to', `${server.url}/`];
    const all = await copy(again, '--file', 'images.list', ...to);
    expect([all.code, all.outcomes, all.copies.length]).toEqual([0, ['copied'], 9]);
    const { manifestGets, cdnGets } = await hub.counters();
    expect(manifestGets - alone.manifestGets).toBe(alone.manifestGets);
    expect(cdnGets - alone.cdnGets).toBeLessThanOrEqual(alone.cdnGets);

    const hubHost = new URL(hub.registryUrl).host;
    for (const name of ['nginx:1.29', 'redis:latest', 'python:latest']) {
      const wanted = await digestBySkopeo(`${hubHost}/library/${name}`);
      expect(await digestBySkopeo(`${one.host}/m/${name}-mirror`)).toBe(wanted);
      expect(await digestBySkopeo(`${two.host}/m/${name}`)).toBe(wanted);
      expect(await digestBySkopeo(`${server.host}/library/${name}`)).toBe(wanted);
      await pullBySkopeo(`${two.host}/m/${name}`);
    }
    for (const { url } of [one, two]) expect(await new RegistryProbe(url).broken()).toEqual([]);
  });

  test('killed in its middle, the next one ends right at each of them, and nothing is left on the way', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, latencyMs: 15 });
    await using one = await startDockerRegistry();
    await using two = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    const images = (await hub.expected()).filter(({ repository }) => /nginx|redis/.test(repository));
    const args = ['nginx:*', 'redis:*', '--to', `${one.url}/m/`, '--to', `${two.url}/m/`];
    const env = { TMPDIR: wharf.folder };
    const running = await wharf.start(['copy', ...args], env);
    await until(async () => (await hub.counters()).cdnGets > 10);
    running.kill('SIGKILL');
    await running.exited;
    for (const { url } of [one, two]) expect(await new RegistryProbe(url).broken()).toEqual([]);
    expect(await wharf.run(['copy', ...args], env)).toMatchObject({ code: 0 });
    for (const { url } of [one, two]) {
      const probe = new RegistryProbe(url);
      const placed = images.map(({ repository, tag, digest }) => ({
        repository: repository.replace('library/', 'm/'),
        reference: tag,
        digest,
      }));
      expect(await probe.missing(placed)).toEqual([]);
      expect(await probe.broken()).toEqual([]);
    }
    const left = [...(await readdir(wharf.folder)), ...(await readdir(wharf.dataFolder))];
    expect(left.filter((name) => name.includes('scratch'))).toEqual([]);
  });

  test('a place that takes no push fails alone', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using good = await startDockerRegistry();
    await using readOnly = await startDockerRegistry({ isReadOnly: true });
    await using wharf = await openWharf(hub);
    const { code, copies } = await copy(wharf, 'redis', '--to', `${readOnly.url}/m/`, '--to', `${good.url}/m/`);
    expect(code).toBe(1);
    expect(new Map(copies.map(({ destination, outcome }) => [destination, outcome]))).toEqual(
      new Map([
        [`${readOnly.url}/m/redis:latest`, 'failed'],
        [`${good.url}/m/redis:latest`, 'copied'],
      ]),
    );
    await pullBySkopeo(`${good.host}/m/redis:latest`);
  });

  test('a signature follows its image to a registry that keeps no list of them, and back to one that does', async () => {
    await using lists = await openWharf();
    await using from = await serve(lists);
    await using plain = await startDockerRegistry();
    await using other = await openWharf();
    await using back = await serve(other);
    await using wharf = await openWharf();
    const web = index(forPlatform(image('web'), 'linux/amd64'));
    const signature = referrerOf(web);
    await push(from.url, 'team/web', '1', web);
    await push(from.url, 'team/web', undefined, signature);

    const out = await copy(wharf, `${from.url}/team/web:1`, `${plain.url}/`);
    expect(out.copies).toMatchObject([{ outcome: 'copied', referrers: 1 }]);
    const listed = await rawBySkopeo(`${plain.host}/team/web:${referrersTag(web.manifest.digest)}`);
    expect(JSON.parse(Buffer.from(listed).toString())).toMatchObject({
      manifests: [{ digest: signature.manifest.digest, artifactType: 'application/vnd.example.signature' }],
    });
    expect(await copy(wharf, `${plain.url}/team/web:1`, `${back.url}/`)).toMatchObject({ code: 0 });
    const answer = await fetch(`${back.url}/v2/team/web/referrers/${web.manifest.digest}`);
    expect(await answer.json()).toMatchObject({ manifests: [{ digest: signature.manifest.digest }] });
    expect(await new RegistryProbe(plain.url).broken()).toEqual([]);
  });
});
