import { describe, expect, test } from 'vitest';
import { ignoreQuery, refuse, respond } from './origin/fault-actions.ts';
import { BLOB, BLOB_DIGEST, startUpload, put, pushBlob, putManifest, codeOf } from './push.ts';
import { type Registry, type RegistryOptions, startRegistry } from './registry/registry.ts';

describe('faults at a target', () => {
  const mount = `/v2/c/d/blobs/uploads/?mount=${BLOB_DIGEST}&from=a/b`;

  test('can refuse mounts', async () => {
    await using registry = await startWith({ when: { kind: 'mount' }, action: ignoreQuery() });
    await pushBlob(registry, 'a/b', BLOB);
    expect((await fetch(registry.url + mount, { method: 'POST' })).status).toBe(202);
    expect(registry.counters).toMatchObject({ mounts: 0, uploadsStarted: 2 });
  });

  test('can lose an upload', async () => {
    const action = refuse('BLOB_UPLOAD_UNKNOWN');
    await using registry = await startWith({ when: { kind: 'upload', method: 'PUT', nth: 1 }, action });
    const location = await startUpload(registry, 'a/b');
    expect((await put(`${location}&digest=${BLOB_DIGEST}`, BLOB)).status).toBe(404);
    await pushBlob(registry, 'a/b', BLOB);
  });

  test('can make it read-only', async () => {
    const when = { method: ['POST', 'PUT', 'PATCH', 'DELETE'] };
    await using registry = await startWith({ when, action: refuse('UNSUPPORTED') });
    expect(await codeOf(await putManifest(registry, 'a/b/manifests/v1'))).toEqual([405, 'UNSUPPORTED']);
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });

  test('can say 413, though nothing has been stored', async () => {
    await using registry = await startWith({ when: { kind: 'manifest' }, action: respond({ status: 413 }) });
    expect((await putManifest(registry, 'a/b/manifests/v1')).status).toBe(413);
    expect(registry.content.repositories()).toEqual([]);
  });
});

function startWith(...faults: NonNullable<RegistryOptions['faults']>): Promise<Registry> {
  return startRegistry({ faults });
}
