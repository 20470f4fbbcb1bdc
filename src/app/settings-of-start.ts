import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';

/** What a server can only be told when it starts, by the names that the file has for it. */
const SETTINGS = {
  listen: ({ listen }) => listen,
  admin: ({ admin }) => admin,
  data: ({ dataFolder }) => dataFolder,
  tls: ({ tls }) => tls,
  limits: ({ limits }) => limits,
  cache: ({ cache }) => cache,
} as const satisfies Record<string, (config: Config) => unknown>;

/** The settings that differ and that a running server keeps as they were. */
export function settingsOfStart(before: Config, after: Config): readonly string[] {
  return Object.entries(SETTINGS).flatMap(([name, of]) => (isDeepStrictEqual(of(before), of(after)) ? [] : [name]));
}

/** The new configuration, but for what takes a restart. */
export function withSettingsOfStart(before: Config, after: Config): Config {
  const { listen, admin, dataFolder, tls, limits, cache } = before;
  return { ...after, listen, admin, dataFolder, tls, limits, cache };
}
