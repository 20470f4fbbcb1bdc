// Who did what, as the log tells it.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { htpasswdOf, loginOf, openAccountWorld } from '../../test/support/hosted/account-world.ts';
import { type RecordedLog, recordLog } from '../../test/support/recorded-log.ts';
import { parseAccountName } from '../accounts/account-name.ts';
import { AccountStore } from '../accounts/account-store.ts';
import { addAccount, removeAccount } from '../accounts/stored-accounts.ts';
import { createToken, revokeToken } from '../accounts/stored-tokens.ts';
import { digestOf } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/media-type.ts';
import type { RequestLine } from '../http/exchange.ts';
import { describeAddress } from './open-server.ts';

const INDEX = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
const DIGEST = digestOf(new TextEncoder().encode(INDEX));
const PUT_INDEX = { headers: { 'content-type': MEDIA_TYPES.ociIndex }, body: INDEX };
const POLICY = [
  { repositories: ['team/**'], accounts: ['ann'], allow: ['pull', 'push'] },
  { repositories: ['open/**'], anonymous: true, allow: ['pull'] },
  { accounts: ['root'], allow: ['pull', 'push', 'delete', 'fill', 'admin'] },
];
const [ann, bob, root] = ['ann', 'bob', 'root'].map(loginOf) as [string, string, string];
const AT = '/v2/team/app/manifests';

let opened: AsyncDisposableStack;
let log: RecordedLog;
let lines: RequestLine[];
beforeEach(() => {
  opened = new AsyncDisposableStack();
  [log, lines] = [recordLog(), []];
});
afterEach(() => opened.disposeAsync());

async function open(more: Record<string, unknown> = {}) {
  return opened.use(
    await openAccountWorld({
      accounts: { policy: POLICY },
      more: { upstreams: {}, hosted: ['**'], ...more },
      opening: {
        log,
        onRequest: (line) => lines.push(line),
        config: { admin: { kind: 'tcp', host: '0.0.0.0', port: 0 } },
      },
    }),
  );
}

/** A line may come after its answer. */
async function audited(count: number) {
  await expect.poll(() => audits().length).toBe(count);
  return audits();
}

const audits = () => log.lines.filter(([line]) => line === 'info audit').map(([, fields]) => fields);

describe('what changes something', () => {
  test('has a line with who, what and what became of it', async () => {
    const { statusOf, token } = await open();
    const as = await token(ann, 'repository:team/app:pull,push');
    expect(await statusOf('PUT', `${AT}/1`, { as, ...PUT_INDEX })).toBe(201);
    expect(await statusOf('PUT', `${AT}/${DIGEST}?tag=2&tag=3`, { as: ann, ...PUT_INDEX })).toBe(201);
    expect(await statusOf('PUT', `${AT}/1`, { as: bob, ...PUT_INDEX })).toBe(403);
    expect(await statusOf('DELETE', `${AT}/2`, { as: ann })).toBe(403);
    expect(await statusOf('DELETE', `${AT}/2`, { as: root })).toBe(202);
    expect(await statusOf('DELETE', `${AT}/${DIGEST}`, { as: root })).toBe(202);
    const what = { repository: 'team/app', client: '127.0.0.1', id: expect.any(String) as string };
    expect(await audited(6)).toEqual([
      { ...what, account: 'ann', action: 'push', reference: '1', digest: DIGEST, outcome: 'done' },
      { ...what, account: 'ann', action: 'push', reference: '2, 3', digest: DIGEST, outcome: 'done' },
      { ...what, account: 'bob', action: 'push', reference: '1', outcome: 'refused' },
      { ...what, account: 'ann', action: 'delete', reference: '2', outcome: 'refused' },
      { ...what, account: 'root', action: 'delete', reference: '2', outcome: 'done' },
      { ...what, account: 'root', action: 'delete', digest: DIGEST, outcome: 'done' },
    ]);
  });

  test('has none where a client is only told to log in', async () => {
    const { statusOf } = await open();
    expect(await statusOf('PUT', `${AT}/1`, PUT_INDEX)).toBe(401);
    expect(await statusOf('PUT', `${AT}/1`, { as: 'ann:wrong', ...PUT_INDEX })).toBe(401);
    expect(await statusOf('PUT', `${AT}/1`, { as: ann, ...PUT_INDEX })).toBe(201);
    expect(await audited(1)).toMatchObject([{ account: 'ann' }]);
  });

  test('at the admin listener has one, too, and its words are harmless', async () => {
    const { server } = await open();
    const url = describeAddress(server.adminAddress!).replace('0.0.0.0', '127.0.0.1');
    const post = async (at: string, as: string) => {
      const authorization = `Basic ${Buffer.from(as).toString('base64')}`;
      const answer = await fetch(`${url}${at}`, { method: 'POST', headers: { authorization } });
      await answer.arrayBuffer();
      return answer.status;
    };
    expect(await post('/v1/jobs/library/run', root)).toBe(404);
    expect(await post(`/v1/refresh?reference=${encodeURIComponent(`x\n\u001b[2J${'y'.repeat(999)}`)}`, root)).toBe(400);
    expect(await post('/v1/refresh?reference=nginx', ann)).toBe(403);
    const [run, refresh] = await audited(2);
    expect(run).toMatchObject({ account: 'root', action: 'run', job: 'library', outcome: 'refused' });
    expect(refresh).toMatchObject({ account: 'root', action: 'refresh' });
    expect(refresh?.['reference']).toMatch(/^x \[2Jy{1,300}$/);
  });
});

test('what `wharf user` does is told when the next client comes with a login', async () => {
  const { folder, htpasswd, statusOf } = await open();
  expect(await statusOf('GET', '/v2/', { as: ann })).toBe(200);
  using store = AccountStore.open(path.join(folder, 'data'));
  const ci = parseAccountName('ci');
  addAccount(store, { name: ci, passwordHash: undefined, createdAtMs: 0 });
  const { id, secret } = createToken(store, { account: ci, description: '', nowMs: 0, expiresAtMs: undefined });
  expect(await statusOf('GET', '/v2/', { as: `ci:${secret}` })).toBe(200);
  revokeToken(store, id);
  removeAccount(store, ci);
  expect(await statusOf('GET', '/v2/', { as: ann })).toBe(200);
  writeFileSync(htpasswd, htpasswdOf('ann', 'root'));
  // Looked at once a second.
  await expect.poll(() => statusOf('GET', '/v2/', { as: bob }), { timeout: 10_000 }).toBe(401);
  const changes = log.lines.filter(([line]) => line === 'info account changed').map(([, fields]) => fields);
  expect(changes).toEqual([
    { change: 'added', account: 'ci' },
    { change: 'token created', account: 'ci', token: id },
    { change: 'removed', account: 'ci' },
    { change: 'token revoked', account: 'ci', token: id },
    { change: 'removed', account: 'bob' },
    { change: 'password changed', account: 'ann' },
    { change: 'password changed', account: 'root' },
  ]);
});

describe('the line of a request', () => {
  test('says who pulled what', async () => {
    const { statusOf } = await open();
    expect(await statusOf('PUT', '/v2/open/app/manifests/1', { as: root, ...PUT_INDEX })).toBe(201);
    expect(await statusOf('GET', '/v2/open/app/manifests/1', { as: ann })).toBe(200);
    expect(await statusOf('GET', '/v2/open/app/manifests/1')).toBe(200);
    await expect.poll(() => lines.length).toBe(3);
    const what = { action: 'pull', repository: 'open/app', reference: '1', digest: DIGEST };
    expect(lines.slice(1).map(({ facts }) => facts)).toEqual([{ ...what, account: 'ann' }, what]);
  });

  test('believes a proxy that is trusted, and nobody else, where its client is', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9, 192.0.2.7' };
    for (const [trustedProxies, client] of [
      [[], undefined],
      [['127.0.0.1'], '192.0.2.7'],
    ] as const) {
      const { statusOf } = await open({ trustedProxies });
      lines = [];
      await statusOf('GET', `${AT}/1`, { as: ann, headers });
      await expect.poll(() => lines.length).toBe(1);
      expect(lines[0]?.facts.client).toBe(client);
    }
  });
});
