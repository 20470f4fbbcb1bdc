import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LIBRARY_FILE = `Maintainers: Ada L <ada@example.org> (@ada)
GitRepo: https://github.com/example/tool.git
GitCommit: 0123456789abcdef0123456789abcdef01234567

Tags: 2.1, latest
Architectures: amd64, arm64v8
`;

test('a hub as a process is filled from a library folder and steered through its control listener', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'library-'));
  mkdirSync(join(folder, 'library'));
  for (const name of ['tool', 'other']) writeFileSync(join(folder, 'library', name), LIBRARY_FILE);
  const args = ['--library', folder, '--repositories', 'tool', '--limit', '7', '--account', 'ada:secret'];
  await using hub = await startProcess('hub', args);
  const { registryUrl, tokenUrl, apiUrl, controlUrl } = hub.urls;

  const expected = (await json(`${controlUrl}/expected`)) as { tag: string; digest: string; children: string[] }[];
  expect(expected.map(({ tag, children }) => [tag, children.length])).toEqual([
    ['2.1', 4],
    ['latest', 4],
  ]);
  const query = 'service=registry.docker.io&scope=repository:library/tool:pull';
  const { token } = (await json(`${tokenUrl}?${query}`)) as { token: string };
  const pull = (): Promise<Response> =>
    fetch(`${registryUrl}/v2/library/tool/manifests/latest`, { headers: { authorization: `Bearer ${token}` } });
  const { headers } = await pull();
  expect(headers.get('docker-content-digest')).toBe(expected[0]?.digest);
  expect(headers.get('ratelimit-remaining')).toBe('6;w=3600');
  expect((await fetch(`${apiUrl}/v2/repositories/library/other`)).status).toBe(404);

  const faults = [{ when: { kind: 'manifest', nth: 1 }, action: ['respond', { status: 502 }] }];
  await post(`${controlUrl}/faults`, faults);
  expect((await pull()).status).toBe(502);
  expect(await json(`${controlUrl}/counters`)).toMatchObject({
    manifestGets: 2,
    manifestGetsByDigest: { [expected[0]!.digest]: 1 },
  });
  await post(`${controlUrl}/reset`);
  expect(await json(`${controlUrl}/counters`)).toMatchObject({ manifestGets: 0 });
  await post(`${controlUrl}/rebuild`, { repository: 'library/tool', tag: 'latest' });
  expect((await pull()).headers.get('docker-content-digest')).not.toBe(expected[0]?.digest);
  rmSync(folder, { recursive: true });
});

test('a registry as a process says where it is', async () => {
  await using registry = await startProcess('registry', ['--login', 'ada:secret']);
  expect((await fetch(`${registry.urls['registryUrl']}/v2/`)).status).toBe(401);
  expect(await json(`${registry.urls['controlUrl']}/counters`)).toMatchObject({ unauthorized: 1 });
});

interface Running extends AsyncDisposable {
  readonly urls: Readonly<Record<string, string>>;
}

async function startProcess(name: string, args: readonly string[]): Promise<Running> {
  const main = fileURLToPath(new URL(`${name}/main.ts`, import.meta.url));
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [main, ...args], {
    stdio: [...stdio],
  });
  const exited = once(child, 'exit');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    urls: JSON.parse(line) as Record<string, string>,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    },
  };
}

async function json(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}

async function post(url: string, body?: unknown): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) ?? null });
  expect(response.status).toBe(200);
}
