import { expect, test } from 'vitest';
import { wranglerSettings } from '../../test/support/programs/wrangler-settings.ts';
import { readBindings } from './bindings.ts';

const UPSTREAMS = { 'ghcr.io': {} };

function complaints(env: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    readBindings(env);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n');
  }
}

test('what deploy/worker/wrangler.jsonc says can be used as it is', async () => {
  const { vars } = await wranglerSettings();
  const settings = readBindings(vars);
  expect([...settings.upstreams.keys()]).toContain('docker.io');
  expect(settings).toMatchObject({ defaultUpstream: 'docker.io', blobs: 'stream', maxSubrequests: 50 });
});

test('only what is listed is an upstream, as an object or as JSON, and is fresh for a minute', () => {
  for (const written of [UPSTREAMS, JSON.stringify(UPSTREAMS)]) {
    const { upstreams, defaultUpstream } = readBindings({ UPSTREAMS: written });
    expect([...upstreams.keys()]).toEqual(['ghcr.io']);
    expect(upstreams.get('ghcr.io')).toMatchObject({ url: 'https://ghcr.io', freshForMs: 60_000 });
    expect(defaultUpstream).toBeUndefined();
  }
});

test('secrets take the place of their names, whatever they hold', () => {
  const password = '"}, "evil.example": {"x": "${USER}';
  const written = { 'docker.io': { credentials: { username: '${USER}', password: '${TOKEN}' }, freshFor: '30s' } };
  const { upstreams } = readBindings({ UPSTREAMS: JSON.stringify(written), USER: 'ada', TOKEN: password });
  expect([...upstreams.keys()]).toEqual(['docker.io']);
  expect(upstreams.get('docker.io')).toMatchObject({
    credentials: { username: 'ada', password },
    realms: ['https://auth.docker.io/token'],
    freshForMs: 30_000,
  });
});

test('what is empty is not set', () => {
  const settings = readBindings({ UPSTREAMS, SHARED_SECRET: '', BASIC_LOGIN: '', SERVER_NAMES: '', BLOBS: '' });
  expect(settings).toMatchObject({ sharedSecret: undefined, basicLogin: undefined, serverNames: [], blobs: 'stream' });
});

test('all that is wrong is said at once, by its place, and no secret is shown', () => {
  const found = complaints({
    UPSTREAMS,
    SHARED_SECRET: 'Tell-Nobody',
    BASIC_LOGIN: 'tell-nobody',
    BLOBS: 'both',
    VERIFY_BLOBS: 'perhaps',
    MAX_SUBREQUESTS: '3',
    SERVER_NAMES: 'https://x',
  });
  expect(found.map((line) => line.split(':', 1)[0])).toEqual([
    'SERVER_NAMES',
    'SHARED_SECRET',
    'BASIC_LOGIN',
    'BLOBS',
    'VERIFY_BLOBS',
    'MAX_SUBREQUESTS',
  ]);
  expect(found.join('\n').toLowerCase()).not.toContain('tell-nobody');
});

test.each([
  [{}, /^UPSTREAMS: expected a map of the upstreams/],
  [{ UPSTREAMS: '{' }, /^UPSTREAMS: this is not JSON/],
  [{ UPSTREAMS: { 'ghcr.io': { ulr: 'x' } } }, /^UPSTREAMS\["ghcr\.io"\]\.ulr: .*did you mean "url"\?$/],
  [{ UPSTREAMS: { 'x y': {} } }, /^UPSTREAMS\["x y"\]: this is not a registry's name/],
  [{ UPSTREAMS: { 'ghcr.io': { proxy: 'http://127.0.0.1:1' } } }, /^UPSTREAMS\["ghcr\.io"\]: a Worker goes through no/],
  [{ UPSTREAMS: { 'ghcr.io': { mirrors: [{ url: 'm.test', ca: 'x.pem' }] } } }, /mirrors\[0\]: a Worker trusts what/],
  [{ UPSTREAMS: { 'ghcr.io': { credentials: { exec: ['x'] } } } }, /a Worker runs no programs/],
  [
    { UPSTREAMS: { 'ghcr.io': { credentials: { username: 'a', password: '${NOPE}' } } } },
    /^UPSTREAMS\["ghcr\.io"\]\.credentials\.password: the variable or secret NOPE is not set/,
  ],
  [{ UPSTREAMS, DEFAULT_UPSTREAM: 'quay.io' }, /^DEFAULT_UPSTREAM: expected none, or/],
])('%j is refused', (env, message) => {
  expect(complaints(env)[0]).toMatch(message);
});
