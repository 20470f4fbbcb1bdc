import type { Credentials, CredentialStore } from '../remote/credentials.ts';
import { type AuthFile, type AuthPlace, findAuth, helperNameFor } from './auth-file.ts';
import type { ClientSurroundings } from './client-surroundings.ts';
import { containersAuths, namedAuth } from './containers-auth.ts';
import { CredentialHelper } from './credential-helper.ts';
import { dockerConfig } from './docker-config.ts';
import { readAuthFile, versionOf } from './read-auth-file.ts';
import { serverName } from './registry-key.ts';

/** What a helper gives may be a token of an hour that is half over, and says nothing of that. */
const HELPED_LIFETIME_MS = 10 * 60 * 1000;

/**
 * The logins that docker, skopeo and their like keep on this machine. `REGISTRY_AUTH_FILE` comes before docker's
 * configuration, that before the files of containers; in each file the helper that it names comes before what it holds.
 * A file is read again when it has changed, and a helper is asked each time, for its logins may be short-lived: theirs
 * are the ones with a lifetime.
 */
export class StoredCredentials implements CredentialStore {
  readonly #env: ClientSurroundings['env'];
  readonly #places: readonly AuthPlace[];
  readonly #cache = new Map<string, { readonly version: string; readonly content: AuthFile }>();

  constructor(surroundings: ClientSurroundings) {
    const named = namedAuth(surroundings);
    this.#env = surroundings.env;
    this.#places = [
      ...(named === undefined ? [] : [named]),
      dockerConfig(surroundings),
      ...(named === undefined ? containersAuths(surroundings) : []),
    ];
  }

  async find(registryHost: string, repository?: string): Promise<Credentials | undefined> {
    for (const place of this.#places) {
      const content = await this.#read(place.file);
      const found = content && (await this.#findIn(content, place, registryHost, repository));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #findIn(content: AuthFile, place: AuthPlace, registryHost: string, repository?: string) {
    const name = helperNameFor(content, place, registryHost);
    const helper = name === undefined ? undefined : new CredentialHelper(name, { env: this.#env });
    const helped = await helper?.get(serverName(registryHost));
    if (helped !== undefined) return { ...helped, lifetimeMs: HELPED_LIFETIME_MS };
    return findAuth(content, place.file, registryHost, repository);
  }

  async #read(file: string): Promise<AuthFile | undefined> {
    const version = await versionOf(file);
    if (version === undefined) return undefined;
    const cached = this.#cache.get(file);
    if (cached?.version === version) return cached.content;
    const content = await readAuthFile(file);
    this.#cache.set(file, { version, content });
    return content;
  }
}
