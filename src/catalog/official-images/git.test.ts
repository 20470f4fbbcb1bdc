import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../oci/usage-error.ts';
import { git, GitError, withoutCredentials } from './git.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-git-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A git server that takes connections and never says a word. */
async function silentServer() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const url = `git://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  return {
    url,
    connected: new Promise((resolve) => server.once('connection', resolve)),
    [Symbol.dispose]: () => void server.close(),
  };
}

describe('git', () => {
  test('gets its input and returns what it prints', async () => {
    const printed = await git(['hash-object', '--stdin'], { input: 'hello\n' });
    expect(printed.toString()).toBe('ce013625030ba8dba906f756967f9e9ca394464a\n');
  });

  test('that ends without reading its input is no trouble', async () => {
    expect((await git(['--version'], { input: 'x'.repeat(1_000_000) })).toString()).toMatch(/^git version/);
  });

  test('fails with the line in which it says why', async () => {
    const failure = git(['-C', folder, 'rev-parse', '--git-dir']);
    await expect(failure).rejects.toThrow(GitError);
    await expect(failure).rejects.toThrow(/^fatal: not a git repository/);
  });

  test('follows a signal, and has ended by then', async () => {
    using server = await silentServer();
    const controller = new AbortController();
    const listing = git(['ls-remote', server.url], { signal: controller.signal });
    await server.connected;
    controller.abort(new Error('enough'));
    await expect(listing).rejects.toThrow('enough');
    await expect(git(['--version'], { signal: controller.signal })).rejects.toThrow('enough');
  });

  test('has a deadline', async () => {
    using server = await silentServer();
    const listing = git(['ls-remote', server.url], { timeoutMs: 300 });
    await expect(listing).rejects.toThrow(new GitError('no answer in 0.3 seconds'));
  });

  test('that is not there is said in a sentence', async () => {
    vi.stubEnv('PATH', folder);
    const failure = git(['--version']);
    await expect(failure).rejects.toThrow(UsageError);
    await expect(failure).rejects.toThrow(
      /^git is needed to read a git repository, and there is none here; install it/,
    );
  });

  test('is not led astray by variables that git sets for its hooks', async () => {
    vi.stubEnv('GIT_DIR', '/nowhere');
    vi.stubEnv('GIT_CONFIG_PARAMETERS', 'nonsense');
    expect((await git(['-C', folder, 'init', '--quiet'])).toString()).toBe('');
  });

  test("reads the person's configuration and not the machine's, and knows no hooks and no questions", async () => {
    vi.stubEnv('HOME', folder);
    vi.stubEnv('XDG_CONFIG_HOME', undefined);
    await git(['config', '--global', 'credential.helper', 'store']);
    const settings = (await git(['config', '--list', '--show-scope'])).toString();
    expect(settings).toContain('global\tcredential.helper=store');
    expect(settings).not.toContain('system\t');
    expect(settings).toMatch(/command\tcore\.hookspath=/);
    expect(settings).toContain('command\tcredential.interactive=false');
  });

  test.each(['ext::sh -c "touch made"', 'fd::0', 'ftp://127.0.0.1/x'])('does not fetch from %s', async (url) => {
    await expect(git(['ls-remote', '--', url])).rejects.toThrow(/transport '\w+' not allowed/);
  });
});

describe('credentials', () => {
  test.each([
    ['https://user:secret@example.org/x.git', 'https://example.org/x.git'],
    ["unable to access 'https://token@h/x' and ssh://git@h/y", "unable to access 'https://h/x' and ssh://h/y"],
    ['https://example.org/a@b', 'https://example.org/a@b'],
    ['git@example.org:x.git', 'git@example.org:x.git'],
  ])('are left out of %s', (text, expected) => {
    expect(withoutCredentials(text)).toBe(expected);
  });
});
