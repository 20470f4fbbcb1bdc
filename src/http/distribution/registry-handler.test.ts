import { expect, test } from 'vitest';
import {
  begin,
  imageText,
  locationOf,
  pushBlob,
  putManifest,
} from '../../../test/support/hosted/conformance/setting.ts';
import { MemoryRegistry } from '../../../test/support/hosted/memory-registry.ts';
import { serve, serveRegistry } from '../../../test/support/hosted/served-registry.ts';
import { registryHandler } from './registry-handler.ts';

const algorithm = 'sha256';

test('the ping is an empty object, and every answer tells the version of the API', async () => {
  await using served = await serveRegistry();
  const ping = await served.send('GET', '/v2/');
  expect([ping.status, ping.headers.get('content-type'), await ping.text()]).toEqual([200, 'application/json', '{}']);
  for (const path of ['/v2/', '/v2/a/tags/list', '/v2/A/tags/list', '/nothing']) {
    expect((await served.send('GET', path)).headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  }
});

test('a method that means nothing at an endpoint is told which do', async () => {
  await using served = await serveRegistry();
  const answer = await served.send('POST', '/v2/a/manifests/latest');
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, DELETE']);
  expect(await answer.json()).toEqual({ errors: [{ code: 'UNSUPPORTED', message: 'POST means nothing here' }] });
});

test('a read-only registry refuses whoever writes', async () => {
  await using served = await serveRegistry({ isReadOnly: true });
  for (const [method, path] of [
    ['PUT', '/v2/a/manifests/latest'],
    ['DELETE', '/v2/a/manifests/latest'],
    ['POST', '/v2/a/blobs/uploads/'],
    ['PATCH', '/v2/a/blobs/uploads/1'],
    ['GET', '/v2/a/blobs/uploads/1'],
  ] as const) {
    expect((await served.send(method, path)).status).toBe(405);
  }
  expect((await served.send('GET', '/v2/a/manifests/latest')).status).toBe(404);
});

test('a tag that never changes is neither moved nor deleted, and may be pushed again as it is', async () => {
  await using served = await serveRegistry({ immutableTags: /^v/ });
  const setting = { algorithm, repository: 'a', send: served.send } as const;
  const text = await imageText(setting);
  expect((await putManifest(setting, 'v1', text)).status).toBe(201);
  expect((await putManifest(setting, 'v1', text)).status).toBe(201);
  expect((await putManifest(setting, 'v1', await imageText(setting, { annotations: { a: 'b' } }))).status).toBe(403);
  expect((await served.send('DELETE', '/v2/a/manifests/v1')).status).toBe(403);
});

test('the catalog lists repositories in pages', async () => {
  await using served = await serveRegistry();
  for (const repository of ['b', 'a/x', 'c']) await pushBlob({ algorithm, repository, send: served.send }, 'x');
  const first = await served.send('GET', '/v2/_catalog?n=2');
  expect(await first.json()).toEqual({ repositories: ['a/x', 'b'] });
  expect(first.headers.get('link')).toBe('</v2/_catalog?last=b&n=2>; rel="next"');
  expect(await (await served.send('GET', '/v2/_catalog?n=2&last=b')).json()).toEqual({ repositories: ['c'] });
});

test.each(['n=-1', 'n=a', 'n=', 'n=1.5', 'n=0x10', 'last=..%2F', 'last=%00'])(
  'a page by "%s" is refused',
  async (query) => {
    await using served = await serveRegistry();
    expect((await served.send('GET', `/v2/a/tags/list?${query}`)).status).toBe(400);
  },
);

test('a failure of ours is a 500 that tells the client nothing, and the log everything', async () => {
  const registry = new MemoryRegistry();
  const cause = new Error('the password of the database is hunter2');
  registry.listRepositories = () => {
    throw cause;
  };
  await using served = await serve(registryHandler(registry));
  const answer = await served.send('GET', '/v2/_catalog');
  expect([answer.status, await answer.text()]).toEqual([
    500,
    '{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}',
  ]);
  await served.server.close(0);
  expect(served.lines[0]).toMatchObject({ status: 500, error: cause });
});

test('an upload that nobody can go on with is not left behind', async () => {
  const registry = new MemoryRegistry();
  await using served = await serve(registryHandler(registry));
  const begun = await begin(served.send, 'a');
  const wrong = await served.send('PUT', `${begun}?digest=sha256:${'0'.repeat(64)}`, { body: 'x' });
  expect(wrong.status).toBe(400);
  expect((await served.send('GET', begun)).status).toBe(404);
  expect(locationOf(wrong)).toBe('');
});
