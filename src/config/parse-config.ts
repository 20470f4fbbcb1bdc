import type { Config } from './config.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { describeIssues } from './describe-issues.ts';
import type { Environment } from './interpolate.ts';
import { readYaml } from './read-yaml.ts';
import { resolveConfig } from './resolve-config.ts';
import type { ResolveContext } from './resolve-endpoint.ts';
import { configSchema } from './schema.ts';
import { type Path, formatPath } from './value-path.ts';

export interface ParseConfigOptions extends Pick<ResolveContext, 'resolvePath' | 'readSecret'> {
  /** What the file is called in messages. */
  readonly file: string;
  readonly env: Environment;
}

/**
 * Reads a configuration. Throws ConfigError with everything that is wrong; what needs the whole (such as whether a
 * job's upstream exists) is only looked at when each value is right by itself. Messages show the text of the file, and
 * never a password or the value of a variable.
 */
export function parseConfig(text: string, options: ParseConfigOptions): Config {
  const { value, source, problems: unreadable } = readYaml(text, options.file, options.env);
  const problems: ConfigProblem[] = [...unreadable];
  const alreadyReported = new Set(unreadable.map(({ path }) => path));
  const report = (path: Path, message: string, part: 'key' | 'value' = 'value') => {
    if (alreadyReported.has(formatPath(path))) return;
    const full = message.startsWith('expected ') ? `${message}, found ${source.found(path)}` : message;
    problems.push(source.problem(path, full, part));
  };

  const parsed = configSchema.safeParse(value ?? {});
  if (!parsed.success) {
    for (const { path, message, part } of describeIssues(parsed.error.issues)) report(path, message, part);
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(options.file, problems);

  const config = resolveConfig(parsed.data, { ...options, report });
  if (problems.length > 0) throw new ConfigError(options.file, problems);
  return config;
}
