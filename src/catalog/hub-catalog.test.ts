import { expect, test } from 'vitest';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { catalogImage } from '../../test/support/hub/catalog-image.ts';
import { ImageGenerator } from '../../test/support/hub/generate-images.ts';
import { HubContent } from '../../test/support/hub/hub-content.ts';
import { HUB_LOGIN_PATH, WebApi } from '../../test/support/hub/web-api.ts';
import { html, refuse, replaceBody, respond, truncateAt } from '../../test/support/origin/fault-actions.ts';
import { type FaultAction, Faults } from '../../test/support/origin/faults.ts';
import { startOrigin } from '../../test/support/origin/origin.ts';
import type { Request } from '../../test/support/origin/request.ts';
import { Traffic } from '../observe/traffic.ts';
import { formatPlatform } from '../oci/platform.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { HubApi } from '../remote/hub-api.ts';
import { HubLogin } from '../remote/hub-login.ts';
import type { CatalogListing } from './catalog.ts';
import { hubCatalog } from './hub-catalog.ts';

const ADA = { username: 'ada', password: 'canary-password' };
const IMAGES = [
  catalogImage('team/app', ['1.1', '1', 'latest'], ['linux/amd64', 'linux/arm64/v8']),
  catalogImage('team/app', ['1.0']),
  catalogImage('team/secret', ['7']),
  ...Array.from({ length: 250 }, (_, nth) => catalogImage('team/many', [`1.${nth}`])),
  catalogImage('other/app', ['9']),
];

interface World {
  readonly images?: typeof IMAGES;
  readonly login?: Credentials;
  readonly limitPerMinute?: number;
}

/** A web API on loopback, where team/secret is private and ada has an account. */
async function startApi({ images = IMAGES, login, limitPerMinute = 1e6 }: World = {}) {
  await using started = new AsyncDisposableStack();
  const { network, clock, sent } = started.use(openNetwork());
  const content = new HubContent(images, new ImageGenerator(100));
  const isPublic = (repository: string) => repository !== 'team/secret';
  const api = new WebApi({ content, isPublic, limitPerMinute, accounts: [ADA], now: () => clock.now() });
  const faults = new Faults();
  const handle = (request: Request) => (request.path === HUB_LOGIN_PATH ? api.logIn(request) : api.answer(request));
  const origin = started.use(await startOrigin({ name: 'api', classify: () => 'api', handle, faults }));
  const connection = { url: new URL(origin.url), network, traffic: new Traffic() };
  const hubLogin = new HubLogin({ ...connection, credentials: () => Promise.resolve(login) });
  const catalog = (namespace = 'team') =>
    hubCatalog({
      namespace,
      upstream: 'docker.io',
      api: new HubApi({ ...connection, login: login && hubLogin, isPatient: true }),
    });
  const running = started.move();
  return {
    catalog,
    faults,
    sent,
    clock,
    content,
    traffic: connection.traffic,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function tagsOf({ images }: CatalogListing): string[] {
  return images.flatMap(({ name, tags }) => tags.map((tag) => `${name}:${tag}`)).sort();
}

test('a namespace wants all tags of all its repositories, and of no other namespace', async () => {
  await using api = await startApi();
  const listing = await api.catalog().list();
  expect(listing.problems).toEqual([]);
  const many = Array.from({ length: 250 }, (_, nth) => `team/many:1.${nth}`);
  expect(tagsOf(listing)).toEqual(['team/app:1', 'team/app:1.0', 'team/app:1.1', 'team/app:latest', ...many].sort());
});

test('tags of one digest are one image, with what the API knows of it', async () => {
  const images = [catalogImage('team/app', ['1.1', '1'], ['linux/amd64', 'linux/arm64/v8'])];
  await using api = await startApi({ images });
  const [image, ...others] = (await api.catalog().list()).images;
  expect(others).toEqual([]);
  expect(image).toMatchObject({ repository: 'team/app', name: 'team/app', tags: ['1', '1.1'] });
  expect(image?.platforms.map(formatPlatform)).toEqual(['linux/amd64', 'linux/arm64/v8']);
  expect(image?.updatedAtMs).toBe(Number(api.content.repository('team/app')?.updatedAt('1')));
});

test('a tag without a digest is an image by itself', async () => {
  await using api = await startApi({ images: [catalogImage('team/app', ['1.1', '1'])] });
  api.faults.add({ when: { path: '/tags' }, action: withoutDigests });
  expect((await api.catalog().list()).images.map(({ tags }) => tags)).toEqual([['1'], ['1.1']]);
});

test('private repositories are wanted where the login may see them', async () => {
  await using api = await startApi({ login: ADA });
  const listing = await api.catalog().list();
  expect(listing.problems).toEqual([]);
  expect(tagsOf(listing)).toContain('team/secret:7');
  const tellers = api.sent.filter(({ body }) => body !== undefined);
  expect(tellers.map(({ url }) => url.pathname)).toEqual([HUB_LOGIN_PATH]);
});

test('a login is used again, and fetched anew before it ends', async () => {
  await using api = await startApi({ login: ADA });
  const catalog = api.catalog();
  await catalog.list();
  api.clock.advance(8 * 60_000);
  await catalog.list();
  expect(api.traffic.requests('token')).toBe(1);
  api.clock.advance(2 * 60_000);
  expect((await catalog.list()).problems).toEqual([]);
  expect(api.traffic.requests('token')).toBe(2);
});

test('a refused login is a problem that does not quote it, and what is public is listed', async () => {
  await using api = await startApi({ login: { ...ADA, password: 'canary-wrong' } });
  const listing = await api.catalog().list();
  expect(tagsOf(listing)).toContain('team/app:1');
  expect(listing.problems).toHaveLength(1);
  expect(listing.problems[0]?.message).toMatch(/refuses the login of ada to its web API \(401\).*only public/);
  expect(JSON.stringify(listing.problems)).not.toContain('canary');
});

test.each([
  ['denied', refuse('DENIED')],
  ['an HTML page', html()],
  ['half a page', replaceBody('{"count": 2, "results": [')],
  ['another document', replaceBody('{"count": 2}')],
])('a repository whose tags are %s is reported, and the rest is listed', async (_, action) => {
  await using api = await startApi();
  api.faults.add({ when: { path: 'many/tags' }, action });
  const { images, problems } = await api.catalog().list();
  expect(new Set(images.map(({ name }) => name))).toEqual(new Set(['team/app']));
  expect(problems).toMatchObject([{ file: 'docker.io/team/many' }]);
});

test('a namespace that is not there is a usage error, and so is an API that answers nonsense', async () => {
  await using api = await startApi();
  await expect(api.catalog('nobody').list()).rejects.toThrow(/has no namespace "nobody"/);
  api.faults.add({ when: {}, action: html() });
  await expect(api.catalog().list()).rejects.toThrow(UsageError);
});

test("the API's own limit is waited for, and hardly ever met", async () => {
  await using api = await startApi({ limitPerMinute: 2 });
  const listing = await api.catalog().list();
  expect(listing.problems).toEqual([]);
  expect(listing.images).toHaveLength(252);
  expect(api.clock.elapsedMs).toBeGreaterThanOrEqual(60_000);
  const answered = 1 + 1 + 3;
  expect(api.traffic.requests('api') - answered).toBeLessThanOrEqual(1);
});

test('a page that breaks off is asked for again, and given up when it always does', async () => {
  await using api = await startApi();
  api.faults.add({ when: { path: 'many/tags', nth: 2 }, action: truncateAt(2_000) });
  expect((await api.catalog().list()).problems).toEqual([]);
  api.faults.add({ when: { path: 'many/tags' }, action: truncateAt(2_000) });
  const { images, problems } = await api.catalog().list();
  expect(new Set(images.map(({ name }) => name))).toEqual(new Set(['team/app']));
  expect(problems).toMatchObject([{ file: 'docker.io/team/many' }]);
});

test('a page without an end is not read to it', async () => {
  await using api = await startApi();
  const entry = `{"name": "${'x'.repeat(1_000_000)}"},`;
  const endless: FaultAction = async () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: [Buffer.from('{"results": ['), ...Array.from({ length: 40 }, () => Buffer.from(entry))],
  });
  api.faults.add({ when: { path: 'many/tags' }, action: endless });
  const { problems } = await api.catalog().list();
  expect(problems).toMatchObject([{ file: 'docker.io/team/many' }]);
});

test('a page is never followed to another origin, nor in circles', async () => {
  await using api = await startApi({ images: [catalogImage('team/app', ['1'])] });
  const entry = { name: '2', images: [] };
  const page = (next: string) => respond({ status: 200, body: JSON.stringify({ count: 9, next, results: [entry] }) });
  for (const next of ['https://elsewhere.example/v2/x', '?page=2', 'http://169.254.169.254/', '::']) {
    const before = api.sent.length;
    api.faults.add({ when: { path: '/tags' }, action: page(next) });
    expect(tagsOf(await api.catalog().list())).toEqual(['team/app:2']);
    expect(api.sent.length - before).toBeLessThanOrEqual(3);
    expect(new Set(api.sent.map(({ url }) => url.origin)).size).toBe(1);
    api.faults.clear();
  }
});

test('names that are no names of repositories or tags are passed over', async () => {
  await using api = await startApi();
  const results = [{ name: '../x' }, { name: 'Upper' }, { name: 'app' }, { name: '' }];
  const body = JSON.stringify({ count: 4, next: null, results });
  api.faults.add({ when: { path: 'repositories\\?' }, action: respond({ status: 200, body }) });
  expect(new Set((await api.catalog().list()).images.map(({ name }) => name))).toEqual(new Set(['team/app']));
});

const withoutDigests: FaultAction = async (request, next) => {
  const answer = await next(request);
  const page = JSON.parse(Buffer.concat(answer.body).toString()) as { results: { digest?: string }[] };
  for (const entry of page.results) delete entry.digest;
  return { ...answer, headers: {}, body: [Buffer.from(JSON.stringify(page))] };
};
