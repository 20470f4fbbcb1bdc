import type { Config } from './config.ts';
import { parseConfig, type ParseConfigOptions } from './parse-config.ts';

/** What holds without any file: the built-in upstreams, cached for the programs of this machine. */
export function defaultConfig({
  resolvePath,
  readSecret,
}: Pick<ParseConfigOptions, 'resolvePath' | 'readSecret'>): Config {
  return parseConfig('', { file: 'the built-in configuration', env: {}, resolvePath, readSecret });
}
