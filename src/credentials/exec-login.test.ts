import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { type LoginCommand, execLogin } from './exec-login.ts';

const LIFETIME_MS = 3_600_000;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wharf-exec-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

interface Run extends Partial<LoginCommand> {
  readonly args?: readonly string[];
  readonly host?: string;
}

/** Runs a shell script as the command `login`, which is found in PATH. */
async function run(script: string, { args = [], host = 'ghcr.io', ...command }: Run = {}) {
  await writeFile(path.join(folder, 'login'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return await runProgram(['login', ...args], { lifetimeMs: LIFETIME_MS, ...command }, host);
}

function runProgram(
  exec: LoginCommand['exec'],
  command: Partial<LoginCommand> = {},
  host = 'ghcr.io',
): Promise<Credentials | undefined> {
  const env = { PATH: `${folder}:${process.env['PATH']}` };
  return execLogin({ exec, lifetimeMs: LIFETIME_MS, ...command }, host, { env, timeoutMs: 2000 });
}

/** Says as a helper what its arguments and its input were. */
const ECHO = `echo "{\\"Username\\":\\"$*\\",\\"Secret\\":\\"for $(cat)\\"}"`;

describe('a credential helper', () => {
  test('is run with get, and with the name of the registry on its input', async () => {
    expect(await run(ECHO)).toEqual({ username: 'get', password: 'for ghcr.io', lifetimeMs: LIFETIME_MS });
  });

  test('is told of Docker Hub as docker does', async () => {
    const login = await run(ECHO, { host: 'registry-1.docker.io' });
    expect(login).toMatchObject({ password: 'for https://index.docker.io/v1/' });
  });

  test('is run with its arguments, and get only once', async () => {
    expect(await run(ECHO, { args: ['--region', 'a b; c'] })).toMatchObject({ username: '--region a b; c get' });
    expect(await run(ECHO, { args: ['get'] })).toMatchObject({ username: 'get' });
  });

  test('may give an identity token', async () => {
    const login = await run('echo \'{"Username":"<token>","Secret":"abc"}\'');
    expect(login).toEqual({ identityToken: 'abc', lifetimeMs: LIFETIME_MS });
  });

  test('may say that it has none', async () => {
    expect(await run('echo credentials not found in native keychain; exit 1')).toBeUndefined();
  });
});

describe('a command beside a user name', () => {
  const username = 'AWS';

  test('is run as it is written, and prints the password', async () => {
    expect(await run('echo "$* for $(cat)"', { username, args: ['ecr', 'get-login-password'] })).toEqual({
      username,
      password: 'ecr get-login-password for ghcr.io',
      lifetimeMs: LIFETIME_MS,
    });
  });

  test.each([
    ['without a line end', "printf 'a b '", 'a b '],
    ['with a line end of Windows', "printf 'secret\\r\\n'", 'secret'],
    ['with several lines, as a key in JSON has', "printf '{\\n}\\n'", '{\n}'],
    [
      'that looks like the answer of a helper',
      'echo \'{"Username":"x","Secret":"y"}\'',
      '{"Username":"x","Secret":"y"}',
    ],
  ])('may print one %s', async (_, script, password) => {
    expect(await run(script, { username })).toEqual({ username, password, lifetimeMs: LIFETIME_MS });
  });

  test('that prints nothing has failed', async () => {
    await expect(run('echo', { username })).rejects.toThrow(
      'the command login, which is to give the login for ghcr.io, printed no password; run it by hand to see why',
    );
  });

  test('fails with its exit code, even where it says what a helper says', async () => {
    await expect(run('echo credentials not found; exit 1', { username })).rejects.toThrow('failed (exit code 1)');
  });
});

describe('what goes wrong is told without arguments and output', () => {
  test.each([
    ['echo hunter2; echo hunter2 >&2; exit 3', 'failed (exit code 3); run it by hand to see why'],
    ['echo hunter2', 'gave something that is no login; if it prints only a password, write `username` beside `exec`'],
    ['head -c 300000 /dev/zero', 'gave more output than a login can have'],
    ['exec sleep 10', 'did not answer within 2 seconds'],
  ])('%s', async (script, what) => {
    const message = `the command login, which is to give the login for ghcr.io, ${what}`;
    await expect(run(script, { args: ['hunter2'] })).rejects.toThrow(new UsageError(message));
  });

  test.each([
    ['nowhere', 'is not installed, but the configuration names it under `exec`; install it, or write its whole path'],
    ['./data', 'may not be run; make it executable'],
  ])('a command that cannot be run: %s', async (program, what) => {
    await writeFile(path.join(folder, 'data'), 'x', { mode: 0o600 });
    const file = program.replace('./', `${folder}/`);
    await expect(runProgram([file, 'hunter2'])).rejects.toThrow(
      new UsageError(`the command ${file}, which is to give the login for ghcr.io, ${what}`),
    );
  });

  test('arguments that are too long to be handed over', async () => {
    const outcome = await run('true', { args: ['hunter2'.repeat(1_000_000)] }).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(UsageError);
    expect((outcome as Error).message).toContain('failed (E2BIG)');
    expect(inspect(outcome, { depth: 10 })).not.toContain('hunter2');
  });
});
