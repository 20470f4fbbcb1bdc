import { describe, expect, test } from 'vitest';
import { IMAGES, type JobWorld, NGINX, REDIS, counts, startJobWorld } from '../../test/support/client/job-world.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { corruptAt, refuse, respond } from '../../test/support/origin/fault-actions.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import type { JobReport } from './report.ts';
import { runJob } from './run.ts';

describe('one bad part never stops the rest', () => {
  test('a manifest that the upstream refuses', async () => {
    await using world = await startJobWorld(IMAGES);
    const bad = world.hub.digestOf('library/nginx', '1.26');
    world.hub.faults.add({ when: { kind: 'manifest', path: bad }, action: refuse('DENIED', 'no') });
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 3, copied: 2, failed: 1 }));
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 5, failed: 1 }));
    expect(report.failures).toEqual([
      {
        reference: 'docker.io/library/nginx:1.26',
        origin: 'source',
        code: 'DENIED',
        message: expect.stringContaining(`denies access to manifest library/nginx@${bad}: "no"`) as string,
      },
    ]);
    expect(world.wrongTags()).toEqual(['library/nginx:1.26']);
  });

  test('a manifest that is nonsense', async () => {
    await using world = await startJobWorld(IMAGES);
    world.hub.publish('library/redis', '7', {
      bytes: Buffer.from('{}'),
      mediaType: 'application/vnd.oci.image.index.v1+json',
    });
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 5, failed: 1 }));
    expect(report.failures[0]).toMatchObject({ origin: 'source', code: 'MANIFEST_INVALID' });
  });

  test('a blob that is wrong at every attempt', async () => {
    await using world = await startJobWorld([NGINX, REDIS]);
    const nginx = world.hub.content.manifest('library/nginx', world.hub.expected()[0]?.children[0] ?? '');
    const { layers } = JSON.parse(Buffer.from(nginx?.bytes ?? []).toString()) as { layers: { digest: string }[] };
    const hex = layers[0]?.digest.slice(7);
    world.hub.faults.add({ when: { kind: 'cdn', path: hex }, action: corruptAt(5) });
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 2, copied: 1, failed: 1 }));
    expect(report.failures.map(({ code, origin }) => [code, origin])).toEqual(
      Array.from({ length: 3 }, () => ['DIGEST_INVALID', 'source']),
    );
    expect(world.target.content.blob('library/nginx', layers[0]?.digest ?? '')).toBeUndefined();
  });

  test('a tag whose HEAD is a web page, where the web API does not answer', async () => {
    await using world = await startJobWorld(IMAGES);
    world.hub.faults.add({ when: { kind: 'api' }, action: respond({ status: 500 }) });
    const html = respond({ status: 200, headers: { 'content-type': 'text/html' } });
    world.hub.faults.add({ when: { kind: 'manifest', method: 'HEAD', path: '/manifests/1.26$' }, action: html });
    const report = await world.run();
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 5, failed: 1 }));
    expect(report.failures[0]).toMatchObject({ reference: 'docker.io/library/nginx:1.26', code: 'NOT_A_REGISTRY' });
  });

  test.each([
    ['cannot be listed', { kind: 'tags', path: '/library/nginx/' }, refuse('DENIED'), 'DENIED'],
    [
      'lists nonsense',
      { kind: 'tags', path: '/library/nginx/' },
      respond({ status: 200, body: '<html>' }),
      'NOT_A_REGISTRY',
    ],
    ['takes no manifests', { kind: 'manifest', method: 'PUT', path: '/library/nginx/' }, refuse('DENIED'), 'DENIED'],
    ['takes no blobs', { kind: 'upload', method: 'PUT', path: '/library/nginx/' }, refuse('DENIED'), 'DENIED'],
  ] as const)('a repository of the target that %s is counted once', async (_, when, action, code) => {
    await using world = await startJobWorld(IMAGES);
    world.target.faults.add({ when, action });
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 3, copied: 1, failed: 2 }));
    expect(report.tags).toEqual(counts({ wanted: 6, copied: 2, failed: 4 }));
    expect(report.failures).toHaveLength(4);
    expect(new Set(report.failures.map((failure) => `${failure.origin} ${failure.code}`))).toEqual(
      new Set([`target ${code}`]),
    );
  });

  test('a part of the catalog that cannot be read is a failure of its own, beside the counts', async () => {
    await using world = await startJobWorld(IMAGES);
    const problems = [{ file: 'library/broken', line: 3, message: 'has no Tags' }];
    const notices = ['the last fetched copy was used'];
    const job = world.job({}, { problems, notices, revision: 'abc' });
    const report = await runJob(job, { onEvent: () => undefined, now: () => 0 });
    expect(report.failures).toEqual([
      { reference: 'library/broken:3', origin: 'catalog', code: 'CATALOG_INVALID', message: 'has no Tags' },
    ]);
    expect([report.notices, report.revision, report.tags.copied]).toEqual([notices, 'abc', 6]);
  });
});

describe('before anything is fetched', () => {
  const untouched = ({ hub }: JobWorld) => {
    const { manifestGets, manifestHeads, blobGets, apiCalls, tokenRequests } = hub.counters;
    return manifestGets + manifestHeads + blobGets + apiCalls + tokenRequests === 0;
  };

  test('two sources that would share one name at the target are refused', async () => {
    await using world = await startJobWorld([NGINX, catalogImage('team/nginx')]);
    const [target] = world.job().targets;
    if (target === undefined) throw new Error('a job has a target');
    const running = world.run({ targets: [{ ...target, template: 'mirror/all' }] });
    await expect(running).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(
        'library/nginx and team/nginx would both become mirror/all at target-0',
      ) as string,
    });
    expect(untouched(world)).toBe(true);
    expect(world.target.counters.requests).toBe(0);
  });

  test('a template that makes no name is refused', async () => {
    await using world = await startJobWorld(IMAGES);
    const [target] = world.job().targets;
    if (target === undefined) throw new Error('a job has a target');
    await expect(world.run({ targets: [{ ...target, template: 'UPPER/{name}' }] })).rejects.toMatchObject({
      name: 'UsageError',
    });
    expect(untouched(world)).toBe(true);
  });

  test.each([
    [
      'denies',
      refuse('DENIED', 'read-only'),
      /^cannot push to the target: 127\.0\.0\.1:\d+ denies access to an upload/,
    ],
    ['wants a login', respond({ status: 401, headers: { 'www-authenticate': 'Basic' } }), /wants a login for/],
    ['is no registry', respond({ status: 404 }), /which is no registry's answer; where a Harbor/],
    ['fails', respond({ status: 500 }), /answered 500 for an upload/],
    ['is full', respond({ status: 507 }), /has no space left/],
  ])('a target that %s is found out, each of them, with one sentence', async (_, action, message) => {
    await using world = await startJobWorld(IMAGES, { targets: 2 });
    world.targets[1]?.faults.add({ when: { kind: 'upload' }, action });
    await expect(world.run()).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(message) as string,
    });
    expect(untouched(world)).toBe(true);
    expect(world.targets.map(({ counters }) => counters.manifestPuts + counters.blobPuts)).toEqual([0, 0]);
  });

  test('a target that does not listen is found out', async () => {
    const gone = await startRegistry();
    await gone[Symbol.asyncDispose]();
    await using world = await startJobWorld(IMAGES);
    world.target.faults.add({ when: {}, action: respond({ status: 308, headers: { location: gone.url } }) });
    await expect(world.run()).rejects.toMatchObject({ name: 'UsageError' });
    expect(untouched(world)).toBe(true);
  });
});

describe('when the pulls run out', () => {
  const deferredRun = async (world: JobWorld): Promise<JobReport> => {
    const report = await world.run();
    expect(report.failures).toEqual([]);
    const { wanted, copied, upToDate, deferred } = report.images;
    expect(copied + upToDate + deferred).toBe(wanted);
    return report;
  };

  test('what is left is deferred, not failed, and the report says until when', async () => {
    await using world = await startJobWorld(IMAGES, { hub: { limit: 6, windowSeconds: 3600 } });
    const report = await deferredRun(world);
    expect(report.images.deferred).toBeGreaterThan(0);
    expect(world.hub.counters.manifestGets).toBeLessThanOrEqual(6);
    expect(report.budget['docker.io']).toMatchObject({
      limit: 6,
      windowSeconds: 3600,
      remaining: expect.any(Number) as number,
    });
    expect(Date.parse(report.budget['docker.io']?.resetsBy ?? '')).toBeGreaterThan(world.clock.now());
  });

  test('the next windows bring the rest, and nothing twice', async () => {
    await using world = await startJobWorld(IMAGES, { hub: { limit: 6, windowSeconds: 3600 } });
    let left = 1;
    for (let window = 0; left > 0 && window < 6; window += 1) {
      left = (await deferredRun(world)).images.deferred;
      world.clock.advance(3_600_000);
    }
    expect(left).toBe(0);
    expect(world.wrongTags()).toEqual([]);
  });

  test('a run that cannot even ask defers everything', async () => {
    await using world = await startJobWorld(IMAGES, { hub: { limit: 0 } });
    world.hub.faults.add({ when: { kind: 'api' }, action: respond({ status: 500 }) });
    const report = await world.run();
    expect(report.images).toEqual(counts({ wanted: 3, deferred: 3 }));
    expect(report.tags).toEqual(counts({ wanted: 6, deferred: 6 }));
  });
});

describe('a signal', () => {
  test('ends a run soon, with its reason, and what is at the target is whole', async () => {
    await using world = await startJobWorld(IMAGES);
    const stop = new AbortController();
    const reason = new Error('enough');
    let blobs = 0;
    world.target.faults.add({
      when: { kind: 'upload', method: 'PUT' },
      action: async (request, next) => {
        if ((blobs += 1) === 4) stop.abort(reason);
        return next(request);
      },
    });
    await expect(world.run({}, { signal: stop.signal })).rejects.toBe(reason);
    for (const repository of world.target.content.repositories()) {
      for (const tag of world.target.content.tags(repository) ?? []) {
        expect(world.target.content.manifest(repository, tag)?.digest).toBe(world.hub.digestOf(repository, tag));
      }
    }
    world.target.faults.clear();
    await world.run();
    expect(world.wrongTags()).toEqual([]);
  });

  test.each([
    ['the targets are tried', 'upload', 'target'],
    ['tags are resolved', 'api', 'hub'],
    ['the target is looked at', 'tags', 'target'],
    ['manifests are fetched', 'manifest', 'hub'],
    ['blobs are fetched', 'cdn', 'hub'],
    ['manifests are put', 'manifest', 'target'],
  ] as const)('that comes while %s ends the run with its reason', async (_, kind, where) => {
    await using world = await startJobWorld(IMAGES);
    const stop = new AbortController();
    const reason = new Error('enough');
    world[where].faults.add({
      when: { kind, nth: 1 },
      action: async () => {
        stop.abort(reason);
        return { status: 200, headers: {}, body: [], delivery: { kind: 'hang' } };
      },
    });
    await expect(world.run({}, { signal: stop.signal })).rejects.toBe(reason);
  });

  test('that came before asks nothing of anybody', async () => {
    await using world = await startJobWorld(IMAGES);
    const reason = new Error('enough');
    await expect(world.run({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect([world.hub.counters.apiCalls, world.target.counters.requests]).toEqual([0, 0]);
  });
});
