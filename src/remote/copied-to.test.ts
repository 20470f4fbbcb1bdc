import { expect, test } from 'vitest';
import { APP, DIGEST, ONE } from '../../test/support/client/app-repository.ts';
import { scriptedSend } from '../../test/support/client/scripted-send.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { Network } from './network.ts';
import { RemoteRegistry } from './remote-registry.ts';

const url = new URL('https://reg.example.com');

test('a registry that is copied to is asked what it has, and not what it could fetch', async () => {
  const found = { 'docker-content-digest': DIGEST, 'content-type': MEDIA_TYPES.ociImage };
  const { send, requests } = scriptedSend(({ method }) =>
    method === 'HEAD' ? { status: 200, headers: found } : { status: 200, body: '{"tags":[]}' },
  );
  const network = new Network({ send, clock: new FakeClock() });
  const repository = new RemoteRegistry({ name: 'r', url, network, isTarget: true }).repository(APP);
  await repository.resolve(ONE);
  await repository.statBlob(DIGEST);
  await repository.listTags();
  await repository.manifest(DIGEST).catch(() => undefined);
  const wishes = requests.map(({ method, url: { pathname }, headers }) => [
    `${method} ${pathname}`,
    headers['cache-control'],
  ]);
  expect(wishes).toEqual([
    ['GET /v2/', undefined],
    ['HEAD /v2/team/app/manifests/1', 'only-if-cached'],
    [`HEAD /v2/team/app/blobs/${DIGEST}`, 'only-if-cached'],
    ['GET /v2/team/app/tags/list', 'only-if-cached'],
    [`GET /v2/team/app/manifests/${DIGEST}`, undefined],
  ]);
});
