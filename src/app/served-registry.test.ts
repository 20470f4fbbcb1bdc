// Who may have what: our own repositories beside those of upstreams, some of which are read with a login.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRegistryServer } from '../../test/support/hosted/open-server.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { type Hub, startHub } from '../../test/support/hub/hub.ts';
import { respond } from '../../test/support/origin/fault-actions.ts';
import { until } from '../../test/support/programs/until.ts';
import { digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { type RegistryServer, describeAddress } from './registry-server.ts';

const ACCOUNT = { username: 'ada', password: 'secret' };
const IMAGES = [catalogImage('nginx', ['1.27', 'latest']), catalogImage('acme/secret', ['1'])];
/** What a proxy in front adds, so that the client is not of this machine. */
const FROM_ELSEWHERE = { headers: { 'x-forwarded-for': '203.0.113.7' } };
const INDEX = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
const PUT_INDEX = { method: 'PUT', headers: { 'content-type': MEDIA_TYPES.ociIndex }, body: INDEX };

let opened: AsyncDisposableStack;
let folder: string;
beforeEach(() => {
  opened = new AsyncDisposableStack();
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-served-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

interface World {
  readonly hub: Hub;
  readonly server: RegistryServer;
  readonly ask: (at: string, init?: RequestInit) => Promise<Response>;
  readonly statusOf: (at: string, init?: RequestInit) => Promise<number>;
}

async function serve(upstream: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Promise<World> {
  const privateRepositories = ['acme/secret'];
  const hub = opened.use(await startHub({ images: IMAGES, accounts: [ACCOUNT], privateRepositories }));
  const settings = { url: hub.registryUrl, realms: [hub.tokenUrl], hubApi: 'off', ...upstream };
  // YAML takes JSON as it is.
  const yaml = JSON.stringify({ upstreams: { 'docker.io': settings }, ...more });
  const server = opened.use(await openRegistryServer(folder, { yaml }));
  const [address] = server.addresses;
  const ask = (at: string, init: RequestInit = {}) => fetch(`${describeAddress(address!)}${at}`, init);
  const statusOf = async (at: string, init?: RequestInit) => {
    const answer = await ask(at, init);
    await answer.arrayBuffer();
    return answer.status;
  };
  return { hub, server, ask, statusOf };
}

describe('what needs our login', () => {
  const withLogin = { credentials: ACCOUNT };

  test('is served to this machine', async () => {
    const { statusOf } = await serve(withLogin);
    expect(await statusOf('/v2/acme/secret/manifests/1')).toBe(200);
  });

  test('is refused to who comes from elsewhere, in words, also when it is here already', async () => {
    const { ask, statusOf } = await serve(withLogin);
    expect(await statusOf('/v2/acme/secret/manifests/1')).toBe(200);
    const refused = await ask('/v2/acme/secret/manifests/1', FROM_ELSEWHERE);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      errors: [{ code: 'DENIED', message: expect.stringMatching(/docker\.io\/acme\/secret .*public: true/) }],
    });
  });

  test('is served to all where somebody said so', async () => {
    const { statusOf } = await serve({ ...withLogin, public: true });
    expect(await statusOf('/v2/acme/secret/manifests/1', FROM_ELSEWHERE)).toBe(200);
  });

  test('leaves what everybody may read to everybody', async () => {
    const { statusOf } = await serve(withLogin);
    expect(await statusOf('/v2/library/nginx/manifests/1.27', FROM_ELSEWHERE)).toBe(200);
  });

  test('is not said to be denied while its upstream does not say whether it is', async () => {
    const { hub, ask, statusOf } = await serve(withLogin);
    expect(await statusOf('/v2/library/nginx/manifests/1.27')).toBe(200);
    hub.faults.add({ when: {}, action: respond({ status: 503 }) });
    const unknown = await ask('/v2/library/nginx/manifests/1.27', FROM_ELSEWHERE);
    expect([unknown.status, await unknown.text()]).toEqual([502, expect.stringContaining('503')]);
    hub.faults.clear();
    expect(await statusOf('/v2/library/nginx/manifests/1.27', FROM_ELSEWHERE)).toBe(200);
  });

  test('is in no catalog of those who may not read it', async () => {
    const { ask, statusOf } = await serve(withLogin, { hosted: ['team/**'] });
    await statusOf('/v2/acme/secret/manifests/1');
    await statusOf('/v2/team/app/manifests/1', PUT_INDEX);
    expect(await (await ask('/v2/_catalog')).json()).toEqual({ repositories: ['acme/secret', 'team/app'] });
    expect(await (await ask('/v2/_catalog', FROM_ELSEWHERE)).json()).toEqual({ repositories: ['team/app'] });
    expect(await (await ask('/v2/_catalog?n=1', FROM_ELSEWHERE)).json()).toEqual({ repositories: ['team/app'] });
  });

  test('is mounted by nobody who may not read it, whether he names the repository or not', async () => {
    const { hub, statusOf } = await serve(withLogin, { hosted: ['team/**'] });
    const layer = layerOf(hub, 'acme/secret', '1');
    expect(await statusOf(`/v2/acme/secret/blobs/${layer}`)).toBe(200);
    const mount = (from: string, init: RequestInit = {}) =>
      statusOf(`/v2/team/app/blobs/uploads/?mount=${layer}${from}`, { method: 'POST', ...init });
    expect(await mount('&from=acme/secret', FROM_ELSEWHERE)).toBe(202);
    expect(await mount('', FROM_ELSEWHERE)).toBe(202);
    // It becomes the repository's a moment after its last byte was sent.
    await until(async () => (await mount('&from=docker.io/acme/secret')) === 201);
  });
});

describe('a repository of an upstream', () => {
  test('is filled by this machine, and by nobody else', async () => {
    const { ask, statusOf } = await serve();
    const refused = await ask('/v2/library/app/manifests/1', {
      ...PUT_INDEX,
      headers: { ...PUT_INDEX.headers, ...FROM_ELSEWHERE.headers },
    });
    expect(refused.status).toBe(405);
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
    expect(await statusOf('/v2/library/app/manifests/1', PUT_INDEX)).toBe(201);
    expect(await statusOf('/v2/library/app/manifests/1')).toBe(200);
    expect(await statusOf('/v2/library/app/manifests/1', { method: 'DELETE', ...FROM_ELSEWHERE })).toBe(405);
  });

  test("stays the upstream's, whoever filled it: a tag that the upstream does not have goes when it is asked about", async () => {
    const { statusOf } = await serve({ freshFor: '0s' });
    expect(await statusOf('/v2/library/nginx/manifests/mine', PUT_INDEX)).toBe(201);
    expect(await statusOf('/v2/library/nginx/manifests/mine')).toBe(404);
    expect(await statusOf(`/v2/library/nginx/manifests/${digestOf(INDEX)}`)).toBe(200);
  });

  test('is asked for only where a pattern allows it', async () => {
    const { hub, ask } = await serve({ repositories: ['library/**'] });
    const refused = await ask('/v2/acme/secret/manifests/1');
    expect([refused.status, hub.counters.manifestHeads]).toEqual([403, 0]);
    expect(await refused.text()).toContain('docker.io/acme/secret is not among what this server asks docker.io for');
  });
});

describe('a repository of our own', () => {
  test('never goes upstream, by whatever route', async () => {
    const { hub, statusOf } = await serve({}, { hosted: ['library/nginx'] });
    for (const at of ['/v2/nginx', '/v2/library/nginx', '/v2/docker.io/library/nginx', '/docker.io/v2/nginx']) {
      expect(await statusOf(`${at}/manifests/latest`)).toBe(404);
      expect(await statusOf(`${at}/manifests/latest?ns=docker.io`)).toBe(404);
    }
    expect(hub.counters.manifestHeads + hub.counters.tokenRequests).toBe(0);
  });

  test('is one, by whatever name it is pushed, and its client is led on by the name that it used', async () => {
    const { ask, statusOf } = await serve({}, { hosted: ['app'] });
    const begun = await ask('/docker.io/v2/app/blobs/uploads/?ns=docker.io', { method: 'POST' });
    expect(begun.headers.get('location')).toMatch(/^\/docker\.io\/v2\/app\/blobs\/uploads\/[\w-]+\?ns=docker\.io$/);
    expect(await statusOf('/v2/app/manifests/1', PUT_INDEX)).toBe(201);
    expect(await statusOf('/v2/app/manifests/2', PUT_INDEX)).toBe(201);
    expect(await (await ask('/v2/docker.io/library/app/tags/list?n=1')).json()).toEqual({
      name: 'docker.io/library/app',
      tags: ['1'],
    });
    const page = await ask('/v2/app/tags/list?n=1&ns=docker.io');
    expect(page.headers.get('link')).toBe('</v2/app/tags/list?last=1&n=1&ns=docker.io>; rel="next"');
  });

  test('stays our own once it was pushed to, whatever the patterns are by then', async () => {
    const first = await serve({}, { hosted: ['library/nginx'] });
    expect(await first.statusOf('/v2/nginx/manifests/mine', PUT_INDEX)).toBe(201);
    await first.server[Symbol.asyncDispose]();
    const { hub, statusOf } = await serve();
    expect(await statusOf('/v2/nginx/manifests/mine')).toBe(200);
    expect(await statusOf('/v2/nginx/manifests/latest')).toBe(404);
    expect(await statusOf(`/v2/nginx/manifests/${digestOf(INDEX)}`, { method: 'DELETE' })).toBe(202);
    expect(hub.counters.manifestHeads).toBe(0);
    expect(await statusOf('/v2/nginx/manifests/latest')).toBe(200);
  });
});

test('a name that begins with a registry which is no upstream is not asked of docker.io', async () => {
  const { hub, ask } = await serve();
  const refused = await ask('/v2/quay.example/o/app/manifests/1');
  expect([refused.status, hub.counters.manifestHeads]).toEqual([404, 0]);
  expect(await refused.text()).toContain('quay.example');
});

function layerOf(hub: Hub, repository: string, tag: string): string {
  const name = parseRepositoryName(repository);
  const index = JSON.parse(textOf(hub, name, hub.digestOf(name, parseTag(tag)))) as { manifests: { digest: string }[] };
  const image = JSON.parse(textOf(hub, name, index.manifests[0]!.digest)) as { layers: { digest: string }[] };
  return image.layers[0]!.digest;
}

function textOf(hub: Hub, repository: string, digest: string): string {
  return new TextDecoder().decode(hub.content.manifest(repository, digest)?.bytes);
}

describe('a server that says what others may do without accounts', () => {
  test.each([
    ['local', 201],
    ['pull', 403],
    ['everything', 201],
  ])('lets them push what is hosted, or not: %s', async (anonymous, status) => {
    const { statusOf } = await serve({}, { hosted: ['team/**'], anonymous });
    const headers = { ...PUT_INDEX.headers, ...FROM_ELSEWHERE.headers };
    expect(await statusOf('/v2/team/app/manifests/1', { ...PUT_INDEX, headers })).toBe(status);
    expect(await statusOf('/v2/team/app/manifests/1', PUT_INDEX)).toBe(201);
    expect(await statusOf('/v2/team/app/manifests/1', FROM_ELSEWHERE)).toBe(200);
    const deleted = { method: 'DELETE', ...FROM_ELSEWHERE };
    expect(await statusOf('/v2/team/app/manifests/1', deleted)).toBe(status === 201 ? 202 : 403);
  });
});
