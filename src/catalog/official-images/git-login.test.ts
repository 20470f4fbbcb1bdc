import { describe, expect, test, vi } from 'vitest';
import { git } from './git.ts';
import { gitRemote } from './git-login.ts';

const ORIGIN = ['-c', 'remote.origin.url=http://ann:p%40ss%22w%24%25@git.test:81/x.git'];

/** What a git that reads from there sends to that server. */
async function credentialsFor(protocol: string, host: string): Promise<string> {
  return (await git([...ORIGIN, 'credential', 'fill'], { input: `protocol=${protocol}\nhost=${host}\n\n` })).toString();
}

describe('a login in the URL of a repository', () => {
  test('is in no argument, and reaches its server all the same', async () => {
    const { address } = gitRemote(ORIGIN[1]!.slice('remote.origin.url='.length), {});
    expect(address).toBe('http://git.test:81/x.git');
    const told = await credentialsFor('http', 'git.test:81');
    expect(told.split('\n')).toEqual(expect.arrayContaining(['username=ann', 'password=p@ss"w$%']));
    expect((await git([...ORIGIN, 'config', 'remote.origin.url'])).toString()).toBe(`${address}\n`);
  });

  test.each([
    ['http', 'other.test:81'],
    ['http', 'git.test'],
    ['https', 'git.test:81'],
  ])('reaches no other server: %s://%s', async (protocol, host) => {
    await expect(credentialsFor(protocol, host)).rejects.toThrow(/could not read Username/);
  });

  test('stands beside what somebody has told git by variables', async () => {
    vi.stubEnv('GIT_CONFIG_COUNT', '1');
    vi.stubEnv('GIT_CONFIG_KEY_0', 'http.userAgent');
    vi.stubEnv('GIT_CONFIG_VALUE_0', 'somebody');
    try {
      expect((await git([...ORIGIN, 'config', 'http.userAgent'])).toString()).toBe('somebody\n');
      expect(await credentialsFor('http', 'git.test:81')).toContain('username=ann\n');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('that is a name alone leaves the password to whatever git knows', () => {
    const { address, variables } = gitRemote('https://ann@git.test/x', {});
    expect(address).toBe('https://git.test/x');
    expect(variables).toMatchObject({ GIT_CONFIG_COUNT: '1', GIT_CONFIG_VALUE_0: 'ann' });
    expect(variables).toMatchObject({ GIT_CONFIG_KEY_0: 'credential.https://git.test.username' });
  });

  test.each(['https://git.test/x', 'ssh://git@git.test/x', 'git@git.test:x', '/a/bundle', ''])(
    'is not in %s, which stays as it is',
    (remote) => {
      expect(gitRemote(remote, {})).toEqual({ address: remote, variables: {} });
    },
  );

  test.each(['https://%00%0a:%0d%0ahost=evil@git.test/x', 'https://%:%zz@git.test/x'])(
    'says nothing else to git, whatever is in it: %s',
    (remote) => {
      const { variables } = gitRemote(remote, {});
      expect(JSON.stringify(variables)).not.toMatch(/\\r|\\u0000|host=evil.*\\n/);
    },
  );
});
