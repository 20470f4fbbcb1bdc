import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LOOPBACK, openRegistryServer } from '../../test/support/hosted/open-server.ts';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { digestOf } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type RegistryServer, describeAddress } from './registry-server.ts';
import { Session } from './session.ts';

let folder: string;
let server: RegistryServer;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-reload-'));
  server = await openRegistryServer(folder, { yaml: 'upstreams: {}\nhosted: ["team/**"]' });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function configOf(yaml: string): Config {
  const parsed = parseConfig(yaml, { file: 'wharf.yaml', env: {}, resolvePath: (file) => file, readSecret: () => '' });
  return { ...parsed, dataFolder: folder, listen: [LOOPBACK], admin: undefined };
}

const ask = (method: string, at: string, init: RequestInit = {}) =>
  fetch(at.startsWith('http') ? at : `${describeAddress(server.addresses[0] ?? LOOPBACK)}${at}`, { method, ...init });
const begin = async (repository: string) => (await ask('POST', `/v2/${repository}/blobs/uploads/`)).status;

describe('another configuration', () => {
  test('is what the next request finds', async () => {
    expect([await begin('team/app'), await begin('other/app')]).toEqual([202, 405]);
    expect(await server.reconfigure(configOf('upstreams: {}\nhosted: ["other/**"]'))).toEqual([]);
    expect([await begin('team/app'), await begin('other/app')]).toEqual([405, 202]);
  });

  test('leaves uploads alone that have begun', async () => {
    const begun = await ask('POST', '/v2/team/app/blobs/uploads/');
    await server.reconfigure(configOf('upstreams: {}\nhosted: ["team/**", "other/**"]\nimmutableTags: ["team/*:v*"]'));
    const at = new URL(begun.headers.get('location') ?? '', begun.url);
    at.searchParams.set('digest', digestOf('layer'));
    expect((await ask('PUT', at.href, { body: 'layer' })).status).toBe(201);
  });

  test('that takes a restart in parts is served but for these, and they are named', async () => {
    const [before] = server.addresses;
    const wanted = { ...configOf('upstreams: {}\nhosted: ["other/**"]'), dataFolder: '/elsewhere', listen: [] };
    expect(await server.reconfigure(wanted)).toEqual(['listen', 'data']);
    expect([server.addresses[0], await begin('other/app')]).toEqual([before, 202]);
  });

  test('that cannot be used changes nothing', async () => {
    const wanted = configOf('upstreams: { quay.io: { ca: /not/there.pem } }\nhosted: ["other/**"]');
    await expect(server.reconfigure(wanted)).rejects.toThrow(UsageError);
    expect([await begin('team/app'), await begin('other/app')]).toEqual([202, 405]);
  });
});

test('an upstream whose settings are what they were is the same object, with all that is known of it', async () => {
  const credentials = { find: () => Promise.resolve(undefined) };
  await using session = new Session({ config: configOf(''), credentials });
  const [hub, quay] = [session.upstream('docker.io'), session.upstream('quay.io')];
  const changed = configOf('upstreams: { quay.io: { rate: 1/s }, ghcr.io: off }');
  const successor = session.successor(changed);
  expect(successor.upstream('docker.io')).toBe(hub);
  expect(successor.upstream('quay.io')).not.toBe(quay);
  expect(() => successor.upstream('ghcr.io')).toThrow(UsageError);
  expect(session.successor(configOf('')).upstream('quay.io')).toBe(quay);
});
