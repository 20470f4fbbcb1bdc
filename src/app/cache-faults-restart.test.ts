// The server itself, when its upstream is not there: it starts, and serves all that it has.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultyHub, NGINX, startFaultyHub } from '../../test/support/cache/faulty-hub.ts';
import { openRegistryServer } from '../../test/support/hosted/open-server.ts';
import { freePort } from '../../test/support/programs/free-port.ts';
import { describeAddress } from './registry-server.ts';

let opened: AsyncDisposableStack;
let folder: string;
beforeEach(() => {
  opened = new AsyncDisposableStack();
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-restart-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Asks a server that is there for these questions alone. */
async function askServer(url: string, freshFor: string, paths: readonly string[]): Promise<readonly Answered[]> {
  const yaml = JSON.stringify({ upstreams: { 'docker.io': { url, hubApi: 'off', freshFor } } });
  await using server = await openRegistryServer(folder, { yaml });
  const [address] = server.addresses;
  const answers: Answered[] = [];
  for (const each of paths) {
    const answer = await fetch(`${describeAddress(address!)}/v2/${each}`);
    const body = Buffer.from(await answer.arrayBuffer());
    answers.push({ status: answer.status, headers: answer.headers, body });
  }
  return answers;
}

function pathsOf(hub: FaultyHub): readonly string[] {
  const { digest } = hub.index();
  return [`${NGINX}/manifests/1.27`, `${NGINX}/manifests/${digest}`, `${NGINX}/blobs/${hub.layer().digest}`];
}

test('what was pulled before is there, the tag too, while nothing listens at the upstream', async () => {
  let before: readonly Answered[];
  let paths: readonly string[];
  let url: string;
  {
    await using hub = await startFaultyHub();
    paths = pathsOf(hub);
    url = hub.registryUrl;
    before = await askServer(url, '10m', paths);
    expect(before.map(({ status }) => status)).toEqual([200, 200, 200]);
  }
  const fresh = await askServer(url, '10m', paths);
  expect(fresh.map(({ body }, nth) => body.equals(before[nth]!.body))).toEqual([true, true, true]);
  expect(fresh.map(({ headers }) => headers.get('warning'))).toEqual([null, null, null]);
  const stale = await askServer(url, '0s', paths);
  expect(stale.map(({ body }, nth) => body.equals(before[nth]!.body))).toEqual([true, true, true]);
  expect(stale[0]?.headers.get('warning')).toMatch(/^110 - ".* refused the connection/);
  expect(stale[0]?.headers.get('age')).toMatch(/^\d+$/);
});

test('what is not here is a 502 that says why, never a 404', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const answers = await askServer(url, '10m', [`${NGINX}/manifests/1.27`, `${NGINX}/blobs/sha256:${'0'.repeat(64)}`]);
  expect(answers.map(({ status }) => status)).toEqual([502, 502]);
  for (const { body } of answers) expect(body.toString()).toContain('refused the connection; nothing listens there');
});
