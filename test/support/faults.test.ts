import { describe, expect, test } from 'vitest';
import { askHub } from './ask-hub.ts';
import { hubWith, images, statusOf } from './hub-with-fault.ts';
import { startHub } from './hub/hub.ts';
import { refuse, respond, setHeader } from './origin/fault-actions.ts';
import { readFaults } from './origin/fault-script.ts';
import type { FaultCondition } from './origin/faults.ts';

describe('a fault', () => {
  test('strikes the requests that fit its origin, kind, method and path, and no others', async () => {
    const when: FaultCondition = { origin: 'registry', kind: 'manifest', method: ['HEAD'], path: '/latest$' };
    await using hub = await hubWith(when, respond({ status: 503 }));
    expect(await statusOf(hub, 'manifests/latest', 'HEAD')).toBe(503);
    expect(await statusOf(hub, 'manifests/latest')).toBe(200);
    expect(await statusOf(hub, 'manifests/1.27', 'HEAD')).toBe(200);
  });

  test('can strike the nth time only, or from the nth to the mth', async () => {
    await using hub = await hubWith({ kind: 'manifest', nth: [2, 3] }, respond({ status: 500 }));
    const statuses = [];
    for (let count = 0; count < 4; count += 1) statuses.push(await statusOf(hub, 'manifests/latest'));
    expect(statuses).toEqual([200, 500, 500, 200]);
    hub.faults.clear();
    hub.faults.add({ when: { kind: 'manifest', nth: 1 }, action: respond({ status: 502 }) });
    expect(await statusOf(hub, 'manifests/latest')).toBe(502);
    expect(await statusOf(hub, 'manifests/latest')).toBe(200);
  });

  test('can strike each third time', async () => {
    await using hub = await hubWith({ kind: 'manifest', every: 3 }, respond({ status: 500 }));
    const statuses = [];
    for (let count = 0; count < 7; count += 1) statuses.push(await statusOf(hub, 'manifests/latest'));
    expect(statuses).toEqual([200, 200, 500, 200, 200, 500, 200]);
  });

  test('that answers instead charges no pull, but is counted as a request', async () => {
    await using hub = await startHub({ images, limit: 5 });
    hub.faults.add({ when: { kind: 'manifest', nth: 1 }, action: refuse('UNAVAILABLE') });
    expect(await statusOf(hub, 'manifests/latest')).toBe(503);
    const { headers } = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect([headers.get('ratelimit-remaining'), hub.counters.manifestGets]).toEqual(['4;w=3600', 2]);
  });

  test('combines with others: the first of the list is the outermost', async () => {
    await using hub = await hubWith({ kind: 'manifest' }, setHeader('etag', '"outer"'));
    hub.faults.add({ when: { kind: 'manifest' }, action: respond({ status: 200, body: 'inner' }) });
    const response = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect([await response.text(), response.headers.get('etag')]).toEqual(['inner', '"outer"']);
  });

  test('can be written as JSON', async () => {
    const script = '[{ "when": { "kind": "manifest" }, "action": ["refuse", "DENIED", "go away"] }]';
    await using hub = await startHub({ images, faults: readFaults(JSON.parse(script)) });
    const response = await askHub(hub, 'library/nginx', 'manifests/latest');
    expect([response.status, await response.json()]).toEqual([
      403,
      { errors: [{ code: 'DENIED', message: 'go away' }] },
    ]);
    expect(() => readFaults([{ when: {}, action: ['explode'] }])).toThrow('"explode" is not a fault action');
  });
});
