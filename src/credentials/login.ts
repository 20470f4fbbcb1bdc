import { isDomain } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import type { Credentials } from '../remote/credentials.ts';
import { type AuthFile, type AuthPlace, helperNameFor, toEntry } from './auth-file.ts';
import type { ClientSurroundings } from './client-surroundings.ts';
import { namedAuth } from './containers-auth.ts';
import { CredentialHelper } from './credential-helper.ts';
import { dockerConfig } from './docker-config.ts';
import { readAuthFile, versionOf } from './read-auth-file.ts';
import { normalizeKey, serverName } from './registry-key.ts';
import { writeAuthFile } from './write-auth-file.ts';

/**
 * Keeps a login where docker and skopeo find it, as they would: in docker's configuration, or by the helper that it
 * names, or in `REGISTRY_AUTH_FILE`. Returns the file or the helper that has it now. Throws UsageError.
 */
export async function saveLogin(
  registryHost: string,
  credentials: Credentials,
  surroundings: ClientSurroundings,
): Promise<string> {
  const { place, content, helper, registry } = await openPlace(registryHost, surroundings);
  await helper?.store(serverName(registry), credentials);
  // Where a helper has the login, docker leaves an empty entry as a sign that there is one.
  const entry = helper === undefined ? toEntry(credentials) : {};
  const auths = { ...withoutRegistry(content, registry), [keyIn(place, registry)]: entry };
  await writeAuthFile(place.file, { ...content, auths });
  return helper?.program ?? place.file;
}

/** Forgets it there. Returns the file or helper that had it, `undefined` when there was no such login. */
export async function removeLogin(registryHost: string, surroundings: ClientSurroundings): Promise<string | undefined> {
  const { place, content, helper, registry } = await openPlace(registryHost, surroundings);
  const isWithHelper = helper !== undefined && (await helper.get(serverName(registry))) !== undefined;
  if (isWithHelper) await helper.erase(serverName(registry));
  const auths = withoutRegistry(content, registry);
  const isInFile = Object.keys(auths).length < Object.keys(content.auths ?? {}).length;
  if (isInFile) await writeAuthFile(place.file, { ...content, auths });
  if (isWithHelper) return helper.program;
  return isInFile ? place.file : undefined;
}

async function openPlace(registryHost: string, surroundings: ClientSurroundings) {
  const registry = normalizeKey(registryHost);
  if (!isDomain(registry)) {
    throw new UsageError(`"${registryHost}" is not a registry; write its host, such as ghcr.io or localhost:5000`);
  }
  const place = namedAuth(surroundings) ?? dockerConfig(surroundings);
  const content: AuthFile = (await versionOf(place.file)) === undefined ? {} : await readAuthFile(place.file);
  const name = helperNameFor(content, place, registry);
  const helper = name === undefined ? undefined : new CredentialHelper(name, { env: surroundings.env });
  return { place, content, helper, registry };
}

function keyIn(place: AuthPlace, registry: string): string {
  return serverName(registry) === registry ? registry : place.hubKey;
}

/** The entries of all others: whatever spells this registry goes, its namespaces stay. */
function withoutRegistry({ auths }: AuthFile, registry: string): NonNullable<AuthFile['auths']> {
  return Object.fromEntries(Object.entries(auths ?? {}).filter(([key]) => normalizeKey(key) !== registry));
}
