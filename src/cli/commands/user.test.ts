import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recordingTerminal } from '../../../test/support/recording-terminal.ts';
import { main } from '../main.ts';

const PASSWORD = 'correct horse battery';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wharf-user-'));
  writeFileSync(path.join(folder, 'wharf.yaml'), 'accounts: {}\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function user(args: readonly string[], { input = '', asked = [] as readonly string[] } = {}) {
  const { terminal, said } = recordingTerminal(folder);
  const answers = [...asked];
  const code = await main(['user', ...args], {
    ...terminal,
    readInput: () => Promise.resolve(input),
    ask: () => Promise.resolve(answers.shift() ?? ''),
  });
  return { code, ...said };
}

const add = (name: string) => user(['add', name, '--password-stdin'], { input: `${PASSWORD}\n` });

describe('wharf user', () => {
  test('adds people and robots, lists them, and removes them', async () => {
    expect(await add('bob')).toMatchObject({ code: 0, out: 'added bob\n', err: '' });
    expect(await user(['add', 'ann'], { asked: [PASSWORD, PASSWORD] })).toMatchObject({ code: 0 });
    expect(await user(['add', 'ci', '--robot'])).toMatchObject({ code: 0 });
    expect((await user(['list'])).out).toBe(
      'NAME  KIND    FROM\nann   person  data folder\nbob   person  data folder\nci    robot   data folder\n',
    );
    expect(await user(['remove', 'bob'])).toMatchObject({ code: 0, out: 'removed bob\n' });
    expect(JSON.parse((await user(['list', '--json'])).out)).toMatchObject({
      accounts: [{ name: 'ann' }, { name: 'ci' }],
    });
  });

  test('keeps what it has for its owner alone', async () => {
    await add('ann');
    const modeOf = (name: string) =>
      (statSync(path.join(folder, 'wharf-data/accounts-v1', name)).mode & 0o777).toString(8);
    expect([modeOf('.'), modeOf('accounts.db')]).toEqual(['700', '600']);
  });

  test.each([
    [['add', 'ann', '--password-stdin'], '', /the password is empty; there is no default one/],
    [['add', 'ann', '--password-stdin'], 'short\n', /5 characters; it needs at least 10/],
    [['add', 'ann'], '', /empty/],
    [['add', 'a:b', '--robot'], '', /"a:b" is not a name for an account/],
    [['add', 'bob', '--robot', '--password-stdin'], PASSWORD, /a robot has no password/],
    [['remove', 'nobody'], '', /there is no account nobody/],
    [['passwd', 'nobody', '--password-stdin'], PASSWORD, /there is no account nobody/],
    [['token', 'create', 'nobody'], '', /there is no account nobody/],
    [['token', 'revoke', 'ffffffff'], '', /there is no token "ffffffff"/],
  ])('refuses %j', async (args, input, message) => {
    expect(await user(args, { input })).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  test('refuses a name that is there, a password typed differently, and one of the htpasswd file', async () => {
    await add('ann');
    expect(await add('ann')).toMatchObject({ code: 2, err: expect.stringMatching(/there is an account ann already/) });
    const typed = { asked: [PASSWORD, `${PASSWORD}!`] };
    expect(await user(['passwd', 'ann'], typed)).toMatchObject({ code: 2, err: expect.stringMatching(/differ/) });
    writeFileSync(path.join(folder, 'wharf.yaml'), 'accounts: { htpasswd: htpasswd }\n');
    writeFileSync(path.join(folder, 'htpasswd'), `eve:$2y$10$${'a'.repeat(53)}\n`);
    expect(await add('eve')).toMatchObject({ code: 2, err: expect.stringMatching(/eve already, in .*htpasswd/) });
    expect(await user(['remove', 'eve'])).toMatchObject({ code: 2, err: expect.stringMatching(/htpasswd -D/) });
  });

  test('shows a token once, and what it is for ever after', async () => {
    await user(['add', 'ci', '--robot']);
    const created = await user(['token', 'create', 'ci', '--description', 'nightly', '--expires', '30d']);
    expect(created).toMatchObject({ code: 0, out: expect.stringMatching(/^wharf_[\w-]{43}\n$/) });
    const listed = await user(['token', 'list']);
    expect(listed.out).toMatch(/^[0-9a-f]{8}  ci .* never +nightly$/m);
    expect(listed.out + created.err).not.toContain(created.out.trim());
    const [id = ''] = /^[0-9a-f]{8}/m.exec(listed.out) ?? [];
    expect(await user(['token', 'revoke', id])).toMatchObject({ code: 0 });
    expect((await user(['token', 'list'])).out).not.toContain(id);
  });

  test('says so when nothing asks for logins yet', async () => {
    writeFileSync(path.join(folder, 'wharf.yaml'), 'upstreams: {}\n');
    expect((await add('ann')).err).toMatch(/with `accounts: {}` in it, wharf serve asks for logins/);
  });
});

test('wharf config check warns of rules that mean nothing', async () => {
  writeFileSync(path.join(folder, 'wharf.yaml'), 'accounts: { policy: [{ accounts: [zed], allow: [pull] }] }\n');
  const { terminal, said } = recordingTerminal(folder);
  expect(await main(['config', 'check'], terminal)).toBe(0);
  expect(said.err).toMatch(/^warning: accounts\.policy\[0\] names zed, and there is no such account/);
  expect(said.out).toContain('is valid');
});
