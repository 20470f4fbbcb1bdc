import path from 'node:path';
import { DOCKER_HUB } from '../oci/reference.ts';
import type { AuthPlace } from './auth-file.ts';
import type { ClientSurroundings } from './client-surroundings.ts';

/** The file that skopeo, podman and buildah were told to use: `$REGISTRY_AUTH_FILE`. */
export function namedAuth({ env }: ClientSurroundings): AuthPlace | undefined {
  const file = env['REGISTRY_AUTH_FILE'];
  return file ? authPlace(file) : undefined;
}

/** Where they look when they were told nothing: containers-auth.json(5). */
export function containersAuths({ env, homeFolder }: ClientSurroundings): AuthPlace[] {
  const runtimeFolder = env['XDG_RUNTIME_DIR'];
  const folders = [...(runtimeFolder ? [runtimeFolder] : []), path.join(homeFolder, '.config')];
  return folders.map((folder) => authPlace(path.join(folder, 'containers', 'auth.json')));
}

function authPlace(file: string): AuthPlace {
  return { file, hubKey: DOCKER_HUB, hasCredsStore: false };
}
