// What every edition answers: one list of requests, run against Node and in workerd. The last ones make an upstream ask for
// patience, which an edition may remember.
import { expect } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { MEDIA_TYPES } from '../../src/oci/media-type.ts';
import { corruptAt, redirectTo, respond } from '../support/origin/fault-actions.ts';
import { until } from '../support/programs/until.ts';
import { type Asked, type Got, codeIn, open } from './ask.ts';
import { CANARIES, type EditionName, type RequestWorld, SERVER_NAME } from './request-world.ts';

export interface RequestCase {
  /** A sentence. */
  readonly title: string;
  /** Why an edition answers otherwise. */
  readonly skip?: Partial<Readonly<Record<EditionName, string>>>;
  readonly run: (world: RequestWorld) => Promise<void>;
}

/** Not of this machine: programs here may fill the cache of the Node edition. */
const FROM_ELSEWHERE = { 'x-forwarded-for': '192.0.2.1' };
const BODY_BYTES = 101 * 1024 * 1024;
const PATIENCE = respond({ status: 429, headers: { 'retry-after': '60' } });
const ANYTHING = `sha256:${'a'.repeat(64)}`;

export const REQUEST_CASES: readonly RequestCase[] = [
  {
    title: 'the ping is an empty object, and every answer tells the version of the API',
    async run({ ask }) {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await ask('/v2/', { method });
        expect(status).toBe(200);
        expect(headers['docker-distribution-api-version']).toBe('registry/2.0');
        expect(body.toString()).toBe(method === 'GET' ? '{}' : '');
      }
    },
  },
  {
    title: 'an upstream is meant by host, by ns, by a prefix, by a path of its own, and by several that agree',
    async run({ ask, app }) {
      const { bytes, digest, mediaType } = app.manifest;
      const routes: readonly (readonly [path: string, asked?: Asked])[] = [
        ['/v2/team/app/manifests/1', { headers: { host: 'second.test' } }],
        ['/v2/team/app/manifests/1', { headers: { host: 'SECOND.test:8443' } }],
        ['/v2/team/app/manifests/1?ns=ghcr.io'],
        ['/v2/ghcr.io/team/app/manifests/1'],
        ['/v2/second/team/app/manifests/1'],
        ['/ghcr.io/v2/team/app/manifests/1'],
        ['/second/v2/ghcr.io/team/app/manifests/1?ns=ghcr.io'],
      ];
      for (const [path, asked] of routes) {
        const got = await ask(path, asked);
        expect(got).toMatchObject({ status: 200, headers: { 'docker-content-digest': digest } });
        expect(got.headers['content-type']).toBe(mediaType);
        expect(got.body).toEqual(bytes);
      }
    },
  },
  {
    title: 'a tag is asked of the authority by HEAD, and its content comes from the mirror, to the byte',
    async run({ ask, image, hub, mirror }) {
      const { index, manifest } = image('pull');
      for (const path of ['pull', 'library/pull', 'docker.io/library/pull']) {
        const got = await ask(`/v2/${path}/manifests/1`);
        expect(got).toMatchObject({ status: 200, headers: { 'docker-content-digest': index.digest } });
        expect(got.headers['content-length']).toBe(String(index.bytes.byteLength));
        expect(got.body).toEqual(Buffer.from(index.bytes));
      }
      const child = await ask(`/v2/pull/manifests/${manifest.digest}`);
      expect(child.body).toEqual(Buffer.from(manifest.bytes));
      expect(hub.counters).toMatchObject({ manifestGets: 0 });
      expect(hub.counters.manifestHeads).toBeGreaterThanOrEqual(3);
      expect(mirror.counters.manifestHeads).toBe(0);
      expect(mirror.counters.manifestGets).toBeGreaterThanOrEqual(2);
    },
  },
  {
    title: 'a HEAD of a tag, a digest or a blob tells all that it has to, and downloads nothing',
    async run({ ask, image, hub, mirror }) {
      const { index, manifest, layer } = image('head');
      const sizes = [
        ['manifests/1', index.digest, index.bytes.byteLength],
        [`manifests/${manifest.digest}`, manifest.digest, manifest.bytes.byteLength],
        [`blobs/${layer.digest}`, layer.digest, layer.bytes.byteLength],
      ] as const;
      for (const [path, digest, sizeBytes] of sizes) {
        const got = await ask(`/v2/head/${path}`, { method: 'HEAD' });
        expect(got).toMatchObject({ status: 200, headers: { 'docker-content-digest': digest } });
        expect(got.headers['content-length']).toBe(String(sizeBytes));
      }
      for (const { counters } of [hub, mirror]) expect(counters.manifestGets).toBe(0);
    },
  },
  {
    title: 'a manifest is asked for by its digest without a word to anybody about tags',
    async run({ ask, image, requests }) {
      const { index } = image('digest');
      const got = await ask(`/v2/digest/manifests/${index.digest}`);
      expect(got).toMatchObject({ status: 200, body: Buffer.from(index.bytes) });
      expect(requests().filter(({ path }) => path.endsWith('/manifests/1'))).toEqual([]);
    },
  },
  {
    title: 'a blob comes whole, with its length and its digest',
    async run({ ask, image }) {
      const { layer } = image('blob');
      const got = await ask(`/v2/blob/blobs/${layer.digest}`);
      expect(got).toMatchObject({ status: 200, isBroken: false, headers: { 'docker-content-digest': layer.digest } });
      expect(got.headers['content-length']).toBe(String(layer.bytes.byteLength));
      expect(digestOf(got.body)).toBe(layer.digest);
    },
  },
  {
    title: 'a Range of a blob is what was asked for, and one that is outside of it is refused',
    async run({ ask, image }) {
      const { layer } = image('range');
      const size = layer.bytes.byteLength;
      const ask1 = (range: string) => ask(`/v2/range/blobs/${layer.digest}`, { headers: { range } });
      for (const [range, first, last] of [
        ['bytes=0-0', 0, 0],
        ['bytes=1000-1999', 1000, 1999],
        [`bytes=${size - 5}-`, size - 5, size - 1],
        ['bytes=-7', size - 7, size - 1],
      ] as const) {
        const got = await ask1(range);
        expect(got.status).toBe(206);
        expect(got.headers['content-range']).toBe(`bytes ${first}-${last}/${size}`);
        expect(got.body).toEqual(layer.bytes.subarray(first, last + 1));
      }
      expect(await ask1(`bytes=${size}-`)).toMatchObject({ status: 416 });
    },
  },
  {
    title: 'whoever has it already is told so: If-None-Match',
    async run({ ask, image }) {
      const { index, layer } = image('known');
      for (const [path, digest] of [
        ['manifests/1', index.digest],
        [`manifests/${index.digest}`, index.digest],
        [`blobs/${layer.digest}`, layer.digest],
      ] as const) {
        const got = await ask(`/v2/known/${path}`, { headers: { 'if-none-match': `"${digest}"` } });
        expect(got).toMatchObject({ status: 304, body: Buffer.alloc(0), headers: { etag: `"${digest}"` } });
      }
    },
  },
  {
    title: 'who has no upstream, a foreign one, or two, gets 404, and nobody is contacted',
    async run({ ask, requests }) {
      for (const path of [
        '/v2/team/app/manifests/1?ns=evil.example',
        '/v2/evil.example/team/app/manifests/1',
        `/v2/evil.example/team/app/blobs/${ANYTHING}`,
        '/evil.example/v2/team/app/manifests/1',
        '/v2/ghcr.io/team/app/manifests/1?ns=docker.io',
        '/https://evil.example/v2/',
        '/',
      ]) {
        expect([path, (await ask(path)).status]).toEqual([path, 404]);
      }
      // No name of a repository has a colon.
      expect((await ask('/v2/127.0.0.1:1/team/app/manifests/1')).status).toBe(400);
      const byHost = await ask('/v2/team/app/manifests/1?ns=docker.io', { headers: { host: 'second.test' } });
      expect(byHost.status).toBe(404);
      expect(requests()).toEqual([]);
    },
  },
  {
    title: 'a name that is not its own leads nowhere',
    skip: { node: 'a server has every name that leads to it' },
    async run({ ask, requests }) {
      const got = await ask('/v2/pull/manifests/1', { headers: { host: 'evil.example' } });
      expect([got.status, codeIn(got)]).toEqual([404, 'NAME_UNKNOWN']);
      expect((await ask('/v2/pull/manifests/1', { headers: { host: SERVER_NAME } })).status).toBe(200);
      expect(requests().some(({ headers }) => headers.host === 'evil.example')).toBe(false);
    },
  },
  {
    title: 'pushes are refused, and nobody is contacted',
    async run({ ask, requests }) {
      for (const [method, path] of [
        ['POST', '/v2/pull/blobs/uploads/'],
        ['PUT', '/v2/pull/manifests/1'],
        ['DELETE', '/v2/pull/manifests/1'],
        ['PATCH', '/v2/pull/blobs/uploads/1'],
      ] as const) {
        const got = await ask(path, { method, headers: FROM_ELSEWHERE });
        expect([method, got.status, codeIn(got)]).toEqual([method, 405, 'UNSUPPORTED']);
      }
      expect(requests()).toEqual([]);
    },
  },
  {
    title: 'a body of 101 MB is refused before it has been read',
    async run({ ask }) {
      for (const [method, path] of [
        ['PUT', '/v2/pull/manifests/1'],
        ['POST', `/v2/pull/blobs/uploads/?digest=${ANYTHING}`],
      ] as const) {
        const got = await ask(path, { method, headers: FROM_ELSEWHERE, announcedBytes: BODY_BYTES });
        expect([405, 413]).toContain(got.status);
      }
    },
  },
  {
    title: 'a client that leaves in the middle of a blob ends what is fetched for it',
    skip: { node: 'it fetches the rest for those who come later' },
    async run({ host, readerLeft }) {
      const answer = await open(host, `/v2/endless.test/app/blobs/${ANYTHING}`);
      for await (const chunk of answer) if (chunk !== undefined) break;
      answer.destroy();
      await readerLeft;
    },
  },
  {
    title: 'tags are listed by pages, each of which leads to the next',
    async run({ ask }) {
      const tags: string[] = [];
      for (let path: string | undefined = '/v2/ghcr.io/team/app/tags/list?n=2'; path !== undefined;) {
        const got = await ask(path);
        const page = JSON.parse(got.body.toString()) as { readonly name: string; readonly tags: string[] };
        expect(page.name).toBe('ghcr.io/team/app');
        tags.push(...page.tags);
        path = /^<([^>]*)>/.exec(String(got.headers.link ?? ''))?.[1];
      }
      expect(tags).toEqual(['1', '2', '3']);
    },
  },
  {
    title: 'what refers to an image is listed, by its type too',
    async run({ ask, app, signature }) {
      const listed = async (query: string) => {
        const got = await ask(`/v2/ghcr.io/team/app/referrers/${app.manifest.digest}${query}`);
        expect(got.headers['content-type']).toBe(MEDIA_TYPES.ociIndex);
        return (JSON.parse(got.body.toString()) as { manifests: { digest: string }[] }).manifests;
      };
      expect((await listed('')).map(({ digest }) => digest)).toEqual([signature]);
      expect(await listed('?artifactType=application/vnd.test.other')).toEqual([]);
    },
  },
  {
    title: 'what is not there is 404',
    async run({ ask, image }) {
      image('gone');
      const missing = await ask('/v2/gone/manifests/2');
      expect([missing.status, codeIn(missing)]).toEqual([404, 'MANIFEST_UNKNOWN']);
      const blob = await ask(`/v2/gone/blobs/${ANYTHING}`);
      expect([blob.status, codeIn(blob)]).toEqual([404, 'BLOB_UNKNOWN']);
    },
  },
  {
    title: 'a tag that was there and is gone at the authority is gone here too',
    async run({ ask, hub }) {
      expect((await ask('/v2/gone/manifests/1')).status).toBe(200);
      hub.remove('library/gone', '1');
      expect((await ask('/v2/gone/manifests/1')).status).toBe(404);
    },
  },
  {
    title: 'secrets reach their own upstream, and neither mirrors, nor where it sends us, nor clients',
    async run({ ask, image, hub, mirror, requests, app }) {
      const { index, manifest, layer } = image('away');
      // So the hub is asked, with its login, and sends us on to its blobs.
      mirror.faults.add({ when: { kind: 'blob' }, action: respond({ status: 404 }) });
      const answers = [
        await ask('/v2/away/manifests/1'),
        await ask(`/v2/away/manifests/${manifest.digest}`),
        await ask(`/v2/away/blobs/${layer.digest}`),
        await ask(`/v2/away/manifests/${index.digest}`, { headers: { authorization: 'Bearer of-the-client' } }),
        await ask(`/v2/ghcr.io/team/app/blobs/${app.blobs[0]?.digest}`),
        await ask('/v2/ghcr.io/team/app/manifests/nope'),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 404]);
      expect(hub.counters.cdnGets).toBe(1);
      const own = [hub.registryUrl, hub.tokenUrl].map((url) => new URL(url).host);
      const tokens = requests()
        .filter(({ headers }) => own.includes(headers.host ?? ''))
        .map(({ headers }) => headers.authorization ?? '');
      for (const { headers, target, origin } of requests()) {
        const written = secretsIn(JSON.stringify(headers) + target);
        expect(written).not.toContain('of-the-client');
        expect(headers.cookie).toBeUndefined();
        if (origin === 'cdn') expect(headers.authorization).toBeUndefined();
        if (own.includes(headers.host ?? '')) continue;
        expect(written).not.toContain(CANARIES.hub);
        for (const token of tokens.filter((text) => text !== '')) expect(headers.authorization).not.toBe(token);
      }
      for (const { headers, body } of answers) {
        const told = secretsIn(JSON.stringify(headers)) + body.toString('latin1');
        for (const canary of Object.values(CANARIES)) expect(told).not.toContain(canary);
        for (const token of tokens.filter((text) => text !== '')) expect(told).not.toContain(token);
      }
    },
  },
  {
    title: 'a mirror that lies about a manifest is found out, and the authority is asked',
    async run({ ask, image, mirror, hub }) {
      const { index } = image('lie');
      mirror.faults.add({ when: { kind: 'manifest' }, action: corruptAt(5) });
      const got = await ask('/v2/lie/manifests/1');
      expect(got).toMatchObject({ status: 200, body: Buffer.from(index.bytes) });
      expect(hub.counters.manifestGets).toBe(1);
    },
  },
  {
    title: 'an upstream that redirects to the metadata service of a cloud is not followed',
    async run({ ask, hub, mirror }) {
      const action = redirectTo('http://169.254.169.254/latest/meta-data/');
      for (const { faults } of [hub, mirror]) faults.add({ when: { kind: 'blob', method: 'GET' }, action });
      const got = await ask(`/v2/blob-lie/blobs/${ANYTHING}`);
      expect(got.status).toBe(502);
      expect(got.body.toString()).not.toContain('meta-data');
    },
  },
  {
    title: 'while the authority says 429, what was known is served with a warning',
    async run({ ask, image, hub }) {
      const { index } = image('stale');
      const path = '/v2/stale/manifests/1';
      let got: Got | undefined;
      // A Worker writes what it knows down after its answer.
      await until(async () => {
        hub.faults.clear();
        expect((await ask(path)).status).toBe(200);
        hub.faults.add({ when: { kind: 'manifest' }, action: PATIENCE });
        got = await ask(path);
        return got.status === 200;
      });
      expect(got?.body).toEqual(Buffer.from(index.bytes));
      expect(got?.headers['warning']).toMatch(/^110 - ".+"$/);
      expect(Number(got?.headers['age'])).toBeGreaterThanOrEqual(0);
    },
  },
  {
    title: 'while the authority says 429, what nobody knows is 429 with the time to come back, and no made-up 404',
    async run({ ask, hub }) {
      hub.faults.add({ when: { kind: 'manifest' }, action: PATIENCE });
      const got = await ask('/v2/limited/manifests/1');
      expect([got.status, codeIn(got)]).toEqual([429, 'TOOMANYREQUESTS']);
      expect(Number(got.headers['retry-after'])).toBeGreaterThan(0);
    },
  },
];

/** A text, and what is in it in base64. */
function secretsIn(text: string): string {
  const decoded = text.match(/[A-Za-z0-9+/=_-]{12,}/g)?.map((part) => Buffer.from(part, 'base64').toString('latin1'));
  return [text, ...(decoded ?? [])].join(' ');
}
