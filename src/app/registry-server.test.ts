// The cases of the conformance suite against the registry as it is served: the store on a disk, over a socket.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLOB_CASES } from '../../test/support/hosted/conformance/blob-cases.ts';
import { LIST_CASES } from '../../test/support/hosted/conformance/list-cases.ts';
import { MANIFEST_CASES } from '../../test/support/hosted/conformance/manifest-cases.ts';
import type { Served } from '../../test/support/hosted/served-registry.ts';
import { UsageError } from '../oci/usage-error.ts';
import { RegistryServer, describeAddress } from './registry-server.ts';

const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;

let folder: string;
let server: RegistryServer;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-registry-'));
  const config = { dataFolder: folder, listen: [LOOPBACK], hosted: ['**'] };
  server = await RegistryServer.open({ config, onRequest: () => undefined });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const send: Served['send'] = (method, at, more = {}) => {
  const [address = LOOPBACK] = server.addresses;
  // Streams need to be told that the answer may only come after them.
  const init: RequestInit = { method, redirect: 'manual', duplex: 'half', ...more };
  return fetch(`${describeAddress(address)}${at}`, init);
};

describe.each(['sha256', 'sha512'] as const)('with %s, on a disk', (algorithm) => {
  for (const [index, [section, sentence, run]] of [...BLOB_CASES, ...MANIFEST_CASES, ...LIST_CASES].entries()) {
    test(`${sentence} (§${section})`, () => run({ algorithm, repository: `conformance/${algorithm}-${index}`, send }));
  }
});

test('an address that somebody has is named in a sentence, and nothing stays open', async () => {
  const config = { dataFolder: folder, listen: [LOOPBACK, ...server.addresses], hosted: ['**'] };
  const opening = RegistryServer.open({ config, onRequest: () => undefined });
  await expect(opening).rejects.toThrow(UsageError);
  await expect(opening).rejects.toThrow(/http:\/\/127\.0\.0\.1:\d+ cannot be listened on/);
});
