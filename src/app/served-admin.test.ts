// The admin listener of a server with accounts, where others may reach it.
import { describe, expect, test } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { htpasswdOf, loginOf } from '../../test/support/hosted/account-world.ts';
import { openRegistryServer } from '../../test/support/hosted/open-server.ts';
import type { ListenAddress } from '../config/listen-address.ts';

const POLICY = [
  { accounts: ['root'], allow: ['admin'] },
  { repositories: ['team/**'], accounts: ['ann'], allow: ['admin', 'pull'] },
];

async function statusesAt(admin: ListenAddress, as?: string): Promise<Record<string, number>> {
  const folder = mkdtempSync(path.join(tmpdir(), 'wharf-admin-'));
  try {
    const htpasswd = path.join(folder, 'htpasswd');
    writeFileSync(htpasswd, htpasswdOf('root', 'ann'));
    const yaml = JSON.stringify({ upstreams: {}, hosted: ['**'], accounts: { htpasswd, policy: POLICY } });
    await using server = await openRegistryServer(path.join(folder, 'data'), { yaml, config: { admin } });
    const address = server.adminAddress;
    const port = address?.kind === 'tcp' ? address.port : 0;
    const headers = as === undefined ? {} : { authorization: `Basic ${Buffer.from(as).toString('base64')}` };
    const statuses: Record<string, number> = {};
    for (const at of ['/healthz', '/metrics', '/v1/upstreams']) {
      const answer = await fetch(`http://127.0.0.1:${port}${at}`, { headers });
      await answer.arrayBuffer();
      statuses[at] = answer.status;
    }
    return statuses;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('where others reach it', () => {
  const OPEN: ListenAddress = { kind: 'tcp', host: '0.0.0.0', port: 0 };

  test.each([
    [undefined, 401],
    ['root:not-the-password', 401],
    [loginOf('ann'), 403],
    [loginOf('root'), 200],
  ])('%s may know whether it is well, and gets %i for all else', async (as, status) => {
    expect(await statusesAt(OPEN, as)).toEqual({ '/healthz': 200, '/metrics': status, '/v1/upstreams': status });
  });
});

test('on this machine alone it is for whoever is on it', async () => {
  const LOOPBACK: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 };
  expect(await statusesAt(LOOPBACK)).toEqual({ '/healthz': 200, '/metrics': 200, '/v1/upstreams': 200 });
});
