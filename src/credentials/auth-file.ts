// The file in which docker and containers keep logins; both have the same shape.
import { z } from 'zod';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { findEntry } from './registry-key.ts';

/** One such file, and in what the two families differ. */
export interface AuthPlace {
  readonly file: string;
  /** The key of Docker Hub's login. */
  readonly hubKey: string;
  /** Whether a `credsStore` in it means anything. */
  readonly hasCredsStore: boolean;
}

const entrySchema = z.looseObject({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
});

const authFileSchema = z.looseObject({
  auths: z.record(z.string(), entrySchema.nullable()).nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

export type AuthFile = z.output<typeof authFileSchema>;
type AuthEntry = z.output<typeof entrySchema>;

/** What stands for a user name where the secret is an identity token. */
export const TOKEN_USERNAME = '<token>';

/** The file as it is, unknown keys and all. Throws UsageError that names it, and nothing of what is in it. */
export function parseAuthFile(text: string, file: string): AuthFile {
  let body: unknown;
  try {
    body = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    // Only JSON.parse can fail here. Its message quotes the text, so it is no cause for another error.
    throw new UsageError(`${file}, where logins are kept, is not JSON; repair it or move it away`);
  }
  const issue = authFileSchema.safeParse(body).error?.issues[0];
  if (issue === undefined) return body as AuthFile;
  const where = issue.path.length === 0 ? 'its beginning' : `"${issue.path.join('.')}"`;
  throw new UsageError(
    `${file}, where logins are kept, has something unexpected at ${where}; repair it or move it away`,
  );
}

/** The credential helper that the file names for a registry. */
export function helperNameFor(content: AuthFile, place: AuthPlace, registryHost: string): string | undefined {
  const own = findEntry(content.credHelpers ?? {}, registryHost)?.entry;
  return (own ?? (place.hasCredsStore ? content.credsStore : undefined)) || undefined;
}

/** The login that the file itself holds. Throws UsageError that names the file when that cannot be read. */
export function findAuth(
  { auths }: AuthFile,
  file: string,
  registryHost: string,
  repository?: string,
): Credentials | undefined {
  const found = findEntry(auths ?? {}, registryHost, repository);
  if (found === undefined || found.entry === null) return undefined;
  const { identitytoken, auth, username, password } = found.entry;
  if (identitytoken) return { identityToken: identitytoken };
  if (!auth) return toCredentials(username ?? '', password ?? '');
  const [name, secret] = decode(auth) ?? [];
  if (name !== undefined && secret !== undefined) return toCredentials(name, secret);
  throw new UsageError(`${file} holds a login for ${found.key} that cannot be read; log in anew`);
}

/** The entry for a login, as docker writes it. */
export function toEntry(credentials: Credentials): AuthEntry {
  if ('identityToken' in credentials) {
    return { auth: encode(TOKEN_USERNAME, ''), identitytoken: credentials.identityToken };
  }
  return { auth: encode(credentials.username, credentials.password) };
}

/** From the pair that files and helpers keep. Half a login is none. */
export function toCredentials(username: string, password: string): Credentials | undefined {
  if (username === '' || password === '') return undefined;
  return username === TOKEN_USERNAME ? { identityToken: password } : { username, password };
}

function encode(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
}

function decode(auth: string): [username: string, password: string] | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(auth)) return undefined;
  const pair = Buffer.from(auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : [pair.slice(0, colon), pair.slice(colon + 1).replace(/\0+$/, '')];
}
