// Copies between registries that others run, our own, the store, layouts and archives: digests stay what they were.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Graph, blobsOf, image, manifestsOf } from '../support/image-graph.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { startDockerd, whyNoDockerd } from '../support/programs/dockerd.ts';
import { startHubProcess } from '../support/programs/hub-process.ts';
import { SMALL_LIBRARY } from '../support/programs/library-folder.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { runProgram } from '../support/programs/program.ts';
import { RegistryProbe } from '../support/programs/registry-probe.ts';
import { startRegistryProcess } from '../support/programs/registry-process.ts';
import { digestBySkopeo, pullBySkopeo } from '../support/programs/skopeo.ts';
import { until } from '../support/programs/until.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';

interface Report {
  readonly copies: readonly {
    readonly source: string;
    readonly destination: string;
    readonly digest: string;
    readonly outcome: string;
    readonly bytes: number;
  }[];
}

async function copy(wharf: Wharf, ...args: readonly string[]) {
  const { code, stdout, stderr } = await wharf.run(['copy', '--json', ...args]);
  if (!stdout.startsWith('{')) throw new Error(`wharf copy ${args.join(' ')} ended with ${code}: ${stderr}`);
  const { copies } = JSON.parse(stdout) as Report;
  return { code, copies, outcomes: [...new Set(copies.map(({ outcome }) => outcome))] };
}

async function serve(wharf: Wharf) {
  const program = await wharf.start(['serve', '--hosted', '**', '--listen', '127.0.0.1:0', '--admin', 'off']);
  const url = (await program.firstLine).replace('listening on ', '');
  return { url, host: new URL(url).host, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** By a client of few words, so that the images are none of our program's making. */
async function push(url: string, repository: string, tag: string, graph: Graph): Promise<void> {
  for (const { digest, parts } of blobsOf(graph)) {
    const target = `${url}/v2/${repository}/blobs/uploads/`;
    const location = (await fetch(target, { method: 'POST' })).headers.get('location') ?? '';
    const at = new URL(location, url);
    at.searchParams.set('digest', digest);
    expect((await fetch(at, { method: 'PUT', body: Buffer.concat(parts) })).status).toBe(201);
  }
  for (const { bytes, mediaType } of manifestsOf(graph)) {
    const headers = { 'content-type': mediaType };
    const body = Buffer.from(bytes);
    const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, { method: 'PUT', headers, body });
    expect(answer.status).toBe(201);
  }
}

const missing = missingPrograms('skopeo', 'docker-registry');

describe.skipIf(missing !== undefined)(`wharf copy${skipNote(missing)}`, () => {
  test('from Docker Hub to docker-registry and on to wharf serve, with the same digests', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    await using server = await serve(wharf);
    const first = await copy(wharf, 'nginx:1.29', 'redis', `${registry.url}/xxx/`);
    expect(first).toMatchObject({ code: 0, outcomes: ['copied'] });
    const second = await copy(wharf, `${registry.url}/xxx/**`, `${server.url}/{name}-mirror`);
    expect(second).toMatchObject({ code: 0, outcomes: ['copied'] });
    const hubHost = new URL(hub.registryUrl).host;
    for (const name of ['nginx:1.29', 'redis:latest']) {
      const wanted = await digestBySkopeo(`${hubHost}/library/${name}`);
      const mirrored = name.replace(':', '-mirror:');
      expect(await digestBySkopeo(`${registry.host}/xxx/${name}`)).toBe(wanted);
      expect(await digestBySkopeo(`${server.host}/xxx/${mirrored}`)).toBe(wanted);
      await pullBySkopeo(`${server.host}/xxx/${mirrored}`);
    }
    const before = await hub.counters();
    expect(await copy(wharf, 'nginx:1.29', 'redis', `${registry.url}/xxx/`)).toMatchObject({ outcomes: ['upToDate'] });
    const after = await hub.counters();
    expect([after.manifestGets, after.cdnGets]).toEqual([before.manifestGets, before.cdnGets]);
  });

  test('fifty images by a pattern into the store, and out of it again', async () => {
    await using from = await startDockerRegistry();
    await using to = await startDockerRegistry();
    await using wharf = await openWharf();
    const graphs = Array.from({ length: 50 }, (_, nth) => image(`image ${nth}`, ['shared', `layer ${nth}`]));
    for (const [nth, graph] of graphs.entries()) await push(from.url, `team/app-${nth % 10}`, `v${nth}`, graph);
    const into = await copy(wharf, `${from.url}/team/*`, 'store:');
    expect(into).toMatchObject({ code: 0, outcomes: ['copied'] });
    expect(into.copies).toHaveLength(50);
    const out = await copy(wharf, 'store:**', to.url);
    expect(out.copies).toHaveLength(50);
    const probe = new RegistryProbe(to.url);
    const placed = graphs.map(({ manifest: { digest } }, nth) => ({
      repository: `team/app-${nth % 10}`,
      reference: `v${nth}`,
      digest,
    }));
    expect(await probe.missing(placed)).toEqual([]);
    expect(await probe.broken()).toEqual([]);
    expect(await copy(wharf, 'store:**', to.url)).toMatchObject({ code: 0, outcomes: ['upToDate'] });
  });

  test('within one registry no byte of a blob is fetched or sent', async () => {
    await using counted = await startRegistryProcess();
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf();
    const graph = image('app', ['one', 'two']);
    for (const { url } of [counted, registry]) {
      await push(url, 'team/app', '1', graph);
      const { copies } = await copy(wharf, `${url}/team/app:1`, `${url}/shop/app`);
      expect(copies).toMatchObject([{ outcome: 'copied', bytes: 0, digest: graph.manifest.digest }]);
      expect(await new RegistryProbe(url).broken()).toEqual([]);
    }
    expect(await counted.counters()).toMatchObject({ blobPuts: 3, mounts: 3 });
  });

  test('docker-registry deletes by digest, and where it does not delete a tag by itself a sentence says how', async () => {
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf();
    const graph = image('app');
    const { digest } = graph.manifest;
    await push(registry.url, 'team/app', '1', graph);
    const byTag = await wharf.run(['rm', `${registry.url}/team/app:1`]);
    if (byTag.code !== 0)
      expect(byTag.stderr).toContain(`\`wharf rm ${registry.url}/team/app@${digest}\` deletes the image`);
    await push(registry.url, 'team/app', '1', graph);
    const byDigest = await wharf.run(['rm', `${registry.url}/team/app@${digest}`]);
    expect(byDigest).toMatchObject({ code: 0, stdout: `deleted ${registry.url}/team/app@${digest}\n` });
    expect(await new RegistryProbe(registry.url).digest('team/app', '1')).toBeUndefined();
  });

  test('killed in its middle, the next one ends right', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, latencyMs: 15 });
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    const images = (await hub.expected()).filter(({ repository }) => /nginx|python|redis/.test(repository));
    const args = ['nginx:*', 'python:*', 'redis:*', `${registry.url}/m/`];
    const running = await wharf.start(['copy', ...args]);
    await until(async () => (await hub.counters()).cdnGets > 20);
    running.kill('SIGKILL');
    await running.exited;
    const probe = new RegistryProbe(registry.url);
    expect(await probe.broken()).toEqual([]);
    expect(await copy(wharf, ...args)).toMatchObject({ code: 0 });
    const placed = images.map(({ repository, tag, digest }) => ({
      repository: repository.replace('library/', 'm/'),
      reference: tag,
      digest,
    }));
    expect(await probe.missing(placed)).toEqual([]);
    expect(await probe.broken()).toEqual([]);
  });

  test('by way of a layout every digest stays, and by way of an archive those of the one platform', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    const wanted = await digestBySkopeo(`${new URL(hub.registryUrl).host}/library/nginx:1.29`);
    expect(await copy(wharf, 'nginx:1.29', 'oci:layout')).toMatchObject({ code: 0, outcomes: ['copied'] });
    expect(await copy(wharf, 'oci:layout:1.29', `${registry.url}/from/layout`)).toMatchObject({ code: 0 });
    expect(await digestBySkopeo(`${registry.host}/from/layout:1.29`)).toBe(wanted);

    const platform = ['--platform', 'linux/arm64'];
    const archived = await copy(wharf, 'nginx:1.29', 'redis', 'docker-archive:two.tar', ...platform);
    expect(archived).toMatchObject({ code: 0, outcomes: ['copied'] });
    const file = path.join(wharf.folder, 'two.tar');
    const inspect = ['inspect', '--override-arch=arm64', `docker-archive:${file}:docker.io/library/redis:latest`];
    expect(await runProgram('skopeo', inspect)).toMatchObject({ code: 0 });
    expect(await copy(wharf, 'docker-archive:two.tar', `${registry.url}/a/`)).toMatchObject({ code: 0 });
    const digests = new Map(archived.copies.map(({ source, digest }) => [source, digest]));
    expect(await digestBySkopeo(`${registry.host}/a/redis:latest`)).toBe(digests.get('redis:latest'));
    const again = await wharf.run(['copy', 'redis', 'docker-archive:two.tar']);
    expect(again).toMatchObject({ code: 2 });
    expect(again.stderr).toContain('exists already');
  });

  test.each([
    ['fails', 'nginx:none', undefined, 1],
    ['is stopped', 'nginx:1.29', 'SIGTERM', 143],
  ] as const)('a copy that %s leaves no archive and no scratch', async (_what, source, signal, exitCode) => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, latencyMs: 50 });
    await using wharf = await openWharf(hub);
    const running = await wharf.start(['copy', source, 'docker-archive:out.tar'], { TMPDIR: wharf.folder });
    if (signal !== undefined) {
      await until(async () => (await hub.counters()).cdnGets > 0);
      running.kill(signal);
    }
    expect(await running.exited).toMatchObject({ code: exitCode });
    const left = [...(await readdir(wharf.folder)), ...(await readdir(wharf.dataFolder).catch(() => []))];
    expect(left.filter((name) => /scratch|out\.tar/.test(name))).toEqual([]);
  });

  test('without pulls the rest is deferred, and the exit code says so', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY, limit: 4 });
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    const { code, outcomes } = await copy(wharf, 'nginx:*', `${registry.url}/m/`);
    expect([code, outcomes.includes('deferred'), outcomes.includes('failed')]).toEqual([3, true, false]);
    expect(await hub.counters()).toMatchObject({ refused: 0 });
  });
});

const missingDocker = whyNoDockerd() ?? missingPrograms('dockerd', 'docker', 'docker-registry');

describe.skipIf(missingDocker !== undefined)(`wharf copy and a docker daemon${skipNote(missingDocker)}`, () => {
  test('an image goes into the daemon and out of it', async () => {
    await using hub = await startHubProcess({ library: SMALL_LIBRARY });
    await using registry = await startDockerRegistry();
    await using wharf = await openWharf(hub);
    await using dockerd = await startDockerd();
    const env = { DOCKER_HOST: dockerd.host };
    expect(await wharf.run(['copy', 'nginx:1.29', 'docker-daemon:'], env)).toMatchObject({ code: 0 });
    expect((await dockerd.docker('images')).stdout).toContain('nginx');
    expect(await wharf.run(['copy', 'redis', 'docker-archive:out.tar'])).toMatchObject({ code: 0 });
    expect(await dockerd.docker('load', '-i', path.join(wharf.folder, 'out.tar'))).toMatchObject({ code: 0 });
    expect((await dockerd.docker('images')).stdout).toContain('redis');
    const out = await wharf.run(['copy', 'docker-daemon:nginx:1.29', `${registry.url}/d/`], env);
    expect(out).toMatchObject({ code: 0 });
    expect(await new RegistryProbe(registry.url).digest('d/nginx', '1.29')).toMatch(/^sha256:/);
  });
});
