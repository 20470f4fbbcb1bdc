import path from 'node:path';
import type { AuthPlace } from './auth-file.ts';
import type { ClientSurroundings } from './client-surroundings.ts';
import { DOCKER_HUB_KEY } from './registry-key.ts';

/** docker's configuration: `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`. */
export function dockerConfig({ env, homeFolder }: ClientSurroundings): AuthPlace {
  const folder = env['DOCKER_CONFIG'] || path.join(homeFolder, '.docker');
  return { file: path.join(folder, 'config.json'), hubKey: DOCKER_HUB_KEY, hasCredsStore: true };
}
