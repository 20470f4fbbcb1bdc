import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { main } from '../main.ts';

const CONFIG =
  'version: 0.1\nhttp: { addr: "localhost:5000", secret: x }\nstorage: { filesystem: { rootdirectory: /srv/r } }\n';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-config-import-'));
  await writeFile(path.join(folder, 'config.yml'), CONFIG);
});
afterEach(() => rm(folder, { recursive: true }));

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

async function run(args: readonly string[], { env = {}, input = '' }: Given = {}) {
  const { terminal, said } = recordingTerminal(folder);
  const exitCode = await main(['config', ...args], { ...terminal, env, readInput: () => Promise.resolve(input) });
  return { ...said, exitCode };
}

const contentOf = (name: string) => readFile(path.join(folder, name), 'utf8');

test('a config.yml becomes a wharf.yaml on the standard output, with notes beside it', async () => {
  const { out, err, exitCode } = await run(['import', 'config.yml']);
  expect(exitCode).toBe(0);
  expect(out).toContain('\nlisten: localhost:5000\n');
  expect(out).toContain('\ndata: /srv/r-wharf\n');
  expect(err).toContain('note: http.secret: not needed');
  expect(err.split('\n').filter((line) => line !== '' && !line.startsWith('note: '))).toEqual([]);
});

test('the standard input is read for -, and variables win over it', async () => {
  const env = { REGISTRY_HTTP_ADDR: '127.0.0.1:5050' };
  expect((await run(['import', '-'], { input: CONFIG, env })).out).toContain('\nlisten: 127.0.0.1:5050\n');
});

test('what was written can be used, and is not written over unless that is wanted', async () => {
  const env = { REGISTRY_PROXY_REMOTEURL: 'https://quay.io' };
  expect(await run(['import', '--out', 'wharf.yaml'], { env })).toMatchObject({
    out: 'wrote wharf.yaml\n',
    exitCode: 0,
  });
  const written = await contentOf('wharf.yaml');
  expect((await run(['check'])).out).toContain('wharf.yaml is valid: 6 upstreams');
  const again = await run(['import', 'config.yml', '--out', 'wharf.yaml']);
  expect(again).toMatchObject({
    err: 'wharf: wharf.yaml exists already; choose another name, or write over it with --force\n',
    exitCode: 2,
  });
  expect(await contentOf('wharf.yaml')).toBe(written);
  expect(await run(['import', 'config.yml', '--out', 'wharf.yaml', '--force'])).toMatchObject({ exitCode: 0 });
  expect(await contentOf('wharf.yaml')).toContain('data: /srv/r-wharf');
});

test('--json is the configuration and the notes, and nothing else', async () => {
  const { out, err } = await run(['import', 'config.yml', '--json']);
  const { out: yaml } = await run(['import', 'config.yml']);
  expect(JSON.parse(out)).toEqual({ version: 1, config: yaml, notes: expect.arrayContaining([expect.any(String)]) });
  expect(err).toBe('');
});

test.each([
  [['import'], 'there is nothing to import; name a config.yml, or set variables such as REGISTRY_HTTP_ADDR'],
  [['import', 'none.yml'], 'none.yml cannot be read: ENOENT'],
  [['import', '/dev/zero'], '/dev/zero:1:1: the file is larger than 1 MiB'],
  [['import', 'config.yml', '--out', 'none/wharf.yaml'], 'none/wharf.yaml cannot be written: ENOENT'],
])('%j is refused, and nothing is printed', async (args, message) => {
  const { out, err, exitCode } = await run(args);
  expect({ out, exitCode }).toEqual({ out: '', exitCode: 2 });
  expect(err).toContain(`wharf: ${message}`);
});

test('our own variables are not meant for a registry', async () => {
  const env = { REGISTRY_DOMAIN: 'reg.example.com', REGISTRY_USER: 'ann', REGISTRY_PASSWORD: 'x' };
  expect(await run(['import'], { env })).toMatchObject({ exitCode: 2 });
});
