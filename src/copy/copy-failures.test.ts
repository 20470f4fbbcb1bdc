import { describe, expect, test } from 'vitest';
import {
  APP,
  type CopyWorld,
  OTHER,
  TAGS,
  TWO_PLATFORMS,
  publish,
  startCopyWorld,
} from '../../test/support/client/copy-world.ts';
import { blobsOf, image, isWhole, manifestsOf } from '../../test/support/image-graph.ts';
import { corruptAt, hang, ignoreQuery, refuse, resetAt, respond } from '../../test/support/origin/fault-actions.ts';
import type { FaultAction } from '../../test/support/origin/faults.ts';
import type { MemoryContent } from '../../test/support/registry/memory-content.ts';
import { CopyError } from './copy-error.ts';

describe('a target that lost something', () => {
  /** Takes a blob and says so, and has forgotten it. */
  const loseBlob: FaultAction = async (request, next) => {
    for await (const _ of request.body);
    return { ...(await next({ ...request, method: 'GET', kind: 'other' })), status: 201, body: [] };
  };

  test('says so at the put: what it lacks is asked for and sent again', async () => {
    await using one = await startCopyWorld();
    const graph = image('a', ['x', 'y']);
    publish(one, graph);
    one.target.faults.add({ when: { kind: 'upload', method: 'PUT', nth: 2 }, action: loseBlob });
    await one.copy(graph.manifest.digest);
    expect(isWhole(one.target, APP, graph)).toBe(true);
    expect(one.tagsAtTarget()).toEqual([graph.manifest.digest, graph.manifest.digest]);
    expect(one.target.counters.blobHeads).toBe(4);
    expect(one.source.counters.blobGets).toBe(4);
  });

  test('and loses it again is not asked for ever', async () => {
    await using one = await startCopyWorld();
    const graph = image('a', ['x']);
    publish(one, graph);
    one.target.faults.add({ when: { kind: 'upload', method: 'PUT' }, action: loseBlob });
    await expect(one.copy(graph.manifest.digest)).rejects.toMatchObject({
      origin: 'target',
      code: 'MANIFEST_BLOB_UNKNOWN',
    });
    expect(one.target.counters.manifestPuts).toBe(2);
  });

  test('says so of a child at the put of an index: the child is sent again', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    const action: FaultAction = async (request, next) => {
      const answer = await next(request);
      const [, lost] = manifestsOf(TWO_PLATFORMS);
      (one.target.content as MemoryContent).deleteManifest(APP, lost?.digest ?? '');
      return answer;
    };
    one.target.faults.add({ when: { kind: 'manifest', method: 'PUT', nth: 2 }, action });
    await one.copy(TWO_PLATFORMS.manifest.digest);
    expect(isWhole(one.target, APP, TWO_PLATFORMS)).toBe(true);
    expect(one.tagsAtTarget()).toEqual([TWO_PLATFORMS.manifest.digest, TWO_PLATFORMS.manifest.digest]);
  });
});

describe('a failure', () => {
  test.each([
    ['the source is denied', 'source', { kind: 'manifest', method: 'GET' }, refuse('DENIED'), 'DENIED'],
    ['a blob is not at the source', 'source', { kind: 'blob' }, refuse('BLOB_UNKNOWN'), 'BLOB_UNKNOWN'],
    ['a blob is always wrong', 'source', { kind: 'blob' }, corruptAt(2), 'DIGEST_INVALID'],
    ['a blob is always cut', 'source', { kind: 'blob' }, resetAt(2), 'CONNECTION_LOST'],
    ['the target takes no uploads', 'target', { kind: 'upload' }, refuse('DENIED'), 'DENIED'],
    ['the target is full', 'target', { kind: 'upload', method: 'PUT' }, respond({ status: 507 }), 'STORAGE_FULL'],
    ['the target takes no manifests', 'target', { kind: 'manifest' }, refuse('MANIFEST_INVALID'), 'MANIFEST_INVALID'],
  ] as const)('names the side that is at fault: %s', async (_, origin, when, action, code) => {
    await using one = await startCopyWorld();
    const graph = image('a');
    publish(one, graph);
    one[origin].faults.add({ when, action });
    const failure: unknown = await one.copy(graph.manifest.digest).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CopyError);
    expect(failure).toMatchObject({ origin, code });
    expect((failure as Error).message).toContain(new URL(one[origin].url).host);
    expect(one.tagsAtTarget()).toEqual([undefined, undefined]);
  });

  test('for a moment is not one', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    one.source.faults.add({ when: { kind: 'blob', nth: [1, 2] }, action: corruptAt(2) });
    one.source.faults.add({ when: { kind: 'manifest', nth: 1 }, action: respond({ status: 503 }) });
    one.target.faults.add({ when: { kind: 'upload', method: 'PUT', nth: 3 }, action: respond({ status: 500 }) });
    one.target.faults.add({ when: { kind: 'manifest', nth: 2 }, action: resetAt(0) });
    await one.copy(TWO_PLATFORMS.manifest.digest);
    expect(isWhole(one.target, APP, TWO_PLATFORMS)).toBe(true);
  });

  test('of a blob that is not as long as its manifest says is the source’s, and the blob is not read', async () => {
    await using one = await startCopyWorld();
    const graph = image('a', ['x']);
    publish(one, graph);
    one.source.faults.add({ when: { kind: 'blob' }, action: respond({ status: 200, body: 'something longer' }) });
    await expect(one.copy(graph.manifest.digest)).rejects.toMatchObject({ origin: 'source', code: 'SIZE_INVALID' });
    expect(one.target.counters.blobPuts).toBe(0);
  });

  test('of one image is not one of another that shares nothing with it', async () => {
    await using one = await startCopyWorld();
    const [good, bad] = [image('good'), image('bad')];
    for (const graph of [good, bad]) publish(one, graph);
    one.source.faults.add({ when: { kind: 'manifest', path: bad.manifest.digest }, action: refuse('DENIED') });
    const outcomes = await Promise.allSettled([bad, good].map(({ manifest }) => one.copy(manifest.digest)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  test('is the reason of the signal when that aborts', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    one.source.faults.add({ when: { kind: 'blob' }, action: hang() });
    const stop = new AbortController();
    const copying = one.copy(TWO_PLATFORMS.manifest.digest, TAGS, { signal: stop.signal });
    await expect.poll(() => one.source.counters.blobGets).toBeGreaterThan(0);
    stop.abort();
    await expect(copying).rejects.toBe(stop.signal.reason);
    expect(one.tagsAtTarget()).toEqual([undefined, undefined]);
  });
});

describe('a target that bears one request at a time', () => {
  /** It fails so often at first that it is asked for one thing at a time from then on. */
  const weaken = (one: CopyWorld) => one.target.faults.add({ when: { nth: [1, 5] }, action: respond({ status: 500 }) });

  test('is filled all the same', async () => {
    await using one = await startCopyWorld();
    publish(one, TWO_PLATFORMS);
    weaken(one);
    await one.copy(TWO_PLATFORMS.manifest.digest);
    expect(isWhole(one.target, APP, TWO_PLATFORMS)).toBe(true);
  });

  test('and does not mount is filled from itself all the same', async () => {
    await using one = await startCopyWorld();
    for (const name of [APP, OTHER]) publish(one, TWO_PLATFORMS, name);
    weaken(one);
    one.target.faults.add({ when: { kind: 'mount' }, action: ignoreQuery() });
    await one.copy(TWO_PLATFORMS.manifest.digest);
    await one.copy(TWO_PLATFORMS.manifest.digest, TAGS, { name: OTHER });
    expect(isWhole(one.target, OTHER, TWO_PLATFORMS)).toBe(true);
    expect(one.source.counters.blobGets).toBe(blobsOf(TWO_PLATFORMS).length);
  });
});
