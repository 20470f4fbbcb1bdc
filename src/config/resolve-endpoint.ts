import { builtInAt } from './built-in-upstreams.ts';
import type { EndpointConfig, KeyPairFiles } from './config.ts';
import type { EndpointInput } from './endpoint-schema.ts';
import type { Path } from './value-path.ts';

type LoginInput = NonNullable<EndpointInput['credentials']>;

/** Half of what ECR's logins live for, which are among the shortest that come from a command. */
const DEFAULT_LIFETIME_MS = 6 * 60 * 60 * 1000;

/** What the parsed values still need from outside, and where to complain about them. */
export interface ResolveContext {
  /** Makes a path absolute: the file's folder is where a relative one begins. */
  readonly resolvePath: (path: string) => string;
  /** The text of a file that holds a secret. */
  readonly readSecret: (path: string) => string;
  readonly report: (path: Path, message: string, part?: 'key' | 'value') => void;
}

export function resolveEndpoint(url: string, input: EndpointInput, at: Path, context: ResolveContext): EndpointConfig {
  const realm = builtInAt(url)?.realm;
  return {
    url,
    credentials: input.credentials && resolveLogin(input.credentials, [...at, 'credentials'], context),
    realms: realm === undefined ? input.realms : [realm, ...input.realms],
    caFile: input.ca === undefined ? undefined : context.resolvePath(input.ca),
    insecure: input.insecure,
    clientCertificate: input.clientCertificate && resolveKeyPair(input.clientCertificate, context),
    proxy: input.proxy,
    ratePerSecond: input.rate,
  };
}

export function resolveKeyPair(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  { resolvePath }: Pick<ResolveContext, 'resolvePath'>,
): KeyPairFiles {
  return { certificateFile: resolvePath(certificate), keyFile: resolvePath(key) };
}

function resolveLogin(input: LoginInput, at: Path, context: ResolveContext): EndpointConfig['credentials'] {
  const { username, passwordFile = '', exec } = input;
  if (exec !== undefined) return resolveCommand(exec, input, at, context);
  if (input.lifetime !== undefined) {
    context.report([...at, 'lifetime'], 'there is no exec, and only its logins have a lifetime; remove it', 'key');
  }
  if (input.password !== '' && passwordFile !== '') {
    context.report([...at, 'passwordFile'], 'there is a password as well; keep one of the two', 'key');
    return undefined;
  }
  const password =
    passwordFile === '' ? input.password : readSecretFile(passwordFile, [...at, 'passwordFile'], context);
  if (password === undefined) return undefined;
  if (username === '' && password === '') return 'anonymous';
  if (username === '' || password === '') {
    const missing = username === '' ? 'a password without a username' : 'a username without a password';
    context.report(at, `there is ${missing}; give both, or neither for anonymous access`);
  }
  return { username, password };
}

function resolveCommand(
  [program = '', ...args]: readonly string[],
  { username, password, passwordFile = '', lifetime = DEFAULT_LIFETIME_MS }: LoginInput,
  at: Path,
  context: ResolveContext,
): EndpointConfig['credentials'] {
  if (password !== '' || passwordFile !== '') {
    context.report([...at, 'exec'], 'there is a password as well; keep one of the two', 'key');
  }
  if (program === '') {
    context.report(
      [...at, 'exec'],
      'there is no command; write it with its arguments, such as [docker-credential-ecr-login]',
    );
  }
  // As in a shell: a bare name is looked for in PATH, and only what has a slash is a path.
  const resolved = program.includes('/') ? context.resolvePath(program) : program;
  return { exec: [resolved, ...args], username: username === '' ? undefined : username, lifetimeMs: lifetime };
}

/** Without the line end after it. `undefined` when it cannot be read, which is reported. */
export function readSecretFile(file: string, at: Path, context: ResolveContext): string | undefined {
  try {
    return context.readSecret(context.resolvePath(file)).replace(/(?:\r?\n)+$/, '');
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    context.report(at, `the file cannot be read${typeof code === 'string' ? ` (${code})` : ''}`);
    return undefined;
  }
}
