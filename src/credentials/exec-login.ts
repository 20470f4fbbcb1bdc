import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { toCredentials } from './auth-file.ts';
import { isNoSuchLogin, readHelperAnswer } from './credential-helper.ts';
import { type LoginProgramNames, type LoginProgramOptions, runLoginProgram } from './login-program.ts';
import { serverName } from './registry-key.ts';

export interface LoginCommand {
  readonly exec: readonly [program: string, ...args: string[]];
  readonly username?: string | undefined;
  readonly lifetimeMs: number;
}

/**
 * The login that a configured command gives. Both kinds get the registry's name on their input, as docker writes it:
 *
 * - with a user name beside it, the command is run as it is written, and prints the password;
 * - without one it is a credential helper: `get` becomes its last argument if it is not that already, and it prints
 *   `{"Username": …, "Secret": …}`. `undefined`: it says that it has none.
 *
 * Throws UsageError that names the program, and none of its arguments or output.
 */
export async function execLogin(
  { exec, username, lifetimeMs }: LoginCommand,
  registryHost: string,
  options: LoginProgramOptions = {},
): Promise<Credentials | undefined> {
  const names = namesOf(exec[0], registryHost);
  const server = serverName(registryHost);
  const isHelper = username === undefined;
  const command: LoginCommand['exec'] = isHelper && exec.at(-1) !== 'get' ? [...exec, 'get'] : exec;
  const { output, failure } = await runLoginProgram(command, server, names, options);
  if (isHelper && failure !== undefined && isNoSuchLogin(output)) return undefined;
  if (failure !== undefined) throw failure;
  const login = isHelper ? readJson(output, names) : readPassword(output, username, names);
  return login && { ...login, lifetimeMs };
}

function namesOf(program: string, registryHost: string): LoginProgramNames {
  return {
    title: `the command ${program}, which is to give the login for ${registryHost},`,
    ifMissing: 'the configuration names it under `exec`; install it, or write its whole path',
  };
}

function readJson(output: string, { title }: LoginProgramNames): Credentials | undefined {
  const hint = 'if it prints only a password, write `username` beside `exec`';
  return readHelperAnswer(output, `${title} gave something that is no login; ${hint}`);
}

// The line end is the command's, the rest is the password: a key in JSON has lines of its own.
function readPassword(output: string, username: string, { title }: LoginProgramNames): Credentials {
  const password = output.replace(/(?:\r?\n)+$/, '');
  const login = toCredentials(username, password);
  if (login === undefined) throw new UsageError(`${title} printed no password; run it by hand to see why`);
  return login;
}
