import type { z } from 'zod';
import { UsageError } from '../../oci/usage-error.ts';
import { ConfigError, type ConfigProblem } from '../config-error.ts';
import type { Environment } from '../interpolate.ts';
import { readYaml } from '../read-yaml.ts';
import type { SourceMap } from '../source-map.ts';
import { type Path, formatPath } from '../value-path.ts';
import { parseGoDuration } from './go-duration.ts';
import { emptyMap, isMap, type SettingMap } from './setting-map.ts';
import { overlayVariables } from './variables.ts';

export interface RegistryConfigSource {
  /** The text of a config.yml; without one, what the image of registry:2 begins with. */
  readonly text?: string | undefined;
  /** What the text is called in messages. */
  readonly file: string;
  readonly env: Environment;
}

const OF_THE_IMAGE = `
version: 0.1
storage: { filesystem: { rootdirectory: /var/lib/registry } }
http: { addr: ":5000" }
`;
// A dollar sign means nothing there, and a variable to our own reader. One character for one keeps the columns right.
const DOLLAR_STAND_IN = '\uE000';

/**
 * The settings of a registry:2: those of its file, and over them those of its variables. Whoever reads a value gets it
 * in the form that was asked for or `undefined`; what was wrong is gathered for `check`.
 */
export class RegistrySettings {
  readonly #file: string;
  readonly #values: SettingMap;
  readonly #source: SourceMap;
  readonly #variables: ReadonlyMap<string, string>;
  readonly #problems: ConfigProblem[];
  readonly #variableProblems = new Set<string>();

  /** Throws ConfigError when the text cannot be read at all. */
  constructor({ text = OF_THE_IMAGE, file, env }: RegistryConfigSource) {
    const { value, source, problems } = readYaml(text.replaceAll('$', DOLLAR_STAND_IN), file, {});
    this.#file = file;
    this.#source = source;
    this.#problems = [...problems];
    const written = withDollars(value);
    if (!isMap(written)) throw new ConfigError(file, [source.problem([], 'expected the configuration of a registry')]);
    const { values, variables } = overlayVariables(written, env);
    this.#values = values;
    this.#variables = variables;
  }

  /** The text, number or claim there as a text. */
  text(...path: readonly string[]): string | undefined {
    const value = this.#value(path);
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (value !== undefined && value !== null) this.report(path, 'expected a text');
    return undefined;
  }

  /** The text there, if it has the form that the schema of wharf.yaml wants. */
  parsed<T>(schema: z.ZodType<T>, path: readonly string[]): { text: string; value: T } | undefined {
    const text = this.text(...path);
    if (text === undefined || text === '') return undefined;
    const result = schema.safeParse(text);
    if (result.success) return { text, value: result.data };
    this.report(path, result.error.issues[0]?.message ?? 'expected another form');
    return undefined;
  }

  /** Whether anything but one of the words for no is there; YAML 1.1 has several. */
  flag(...path: readonly string[]): boolean {
    return !/^(?:false|no|off|n|0|)$/i.test(this.text(...path) ?? '');
  }

  /** Milliseconds. */
  goDuration(...path: readonly string[]): number | undefined {
    const text = this.text(...path);
    if (text === undefined || text === '') return undefined;
    const durationMs = parseGoDuration(text);
    if (durationMs === undefined) this.report(path, 'expected a duration such as 168h, or 0');
    return durationMs;
  }

  /** Whether anything is set there or below. */
  has(...path: readonly string[]): boolean {
    return !leavesOf(this.#value(path), path).next().done;
  }

  /** The names of what is set there. */
  keys(...path: readonly string[]): readonly string[] {
    const value = this.#value(path);
    if (value === undefined || value === null) return [];
    if (!isMap(value)) this.report(path, 'expected a map of settings');
    return isMap(value) ? Object.keys(value) : [];
  }

  /** The path of everything that is set and is not a map; a list counts as one. */
  leaves(): Iterable<readonly string[]> {
    return leavesOf(this.#values, []);
  }

  /** The variable that set this very value. */
  variable(path: readonly string[]): string | undefined {
    return this.#variables.get(path.join('\0'));
  }

  report(path: Path, message: string): void {
    for (let length = path.length; length > 0; length--) {
      const variable = this.#variables.get(path.slice(0, length).join('\0'));
      if (variable === undefined) continue;
      const below = formatPath(path.slice(length));
      this.#variableProblems.add(`${variable}: ${below === '' ? '' : `at ${below}: `}${message}`);
      return;
    }
    const problem = this.#source.problem(path, message);
    const isKnown = this.#problems.some((known) => known.path === problem.path && known.message === message);
    if (!isKnown) this.#problems.push(problem);
  }

  /** Throws ConfigError with all that is wrong in the file, else UsageError with all that is wrong in variables. */
  check(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#file, this.#problems);
    if (this.#variableProblems.size > 0) throw new UsageError([...this.#variableProblems].join('\n'));
  }

  #value(path: readonly string[]): unknown {
    let value: unknown = this.#values;
    for (const [depth, key] of path.entries()) {
      if (value === undefined || value === null) return undefined;
      if (!isMap(value)) {
        this.report(path.slice(0, depth), 'expected a map of settings');
        return undefined;
      }
      value = value[key];
    }
    return value;
  }
}

function* leavesOf(value: unknown, path: readonly string[]): Generator<readonly string[], undefined> {
  if (value === undefined || value === null || value === '') return;
  if (!isMap(value)) yield path;
  else for (const [key, below] of Object.entries(value)) yield* leavesOf(below, [...path, key]);
}

function withDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(DOLLAR_STAND_IN, '$');
  if (Array.isArray(value)) return value.map(withDollars);
  if (!isMap(value)) return value;
  return emptyMap(
    Object.entries(value).map(([key, below]) => [key.replaceAll(DOLLAR_STAND_IN, '$'), withDollars(below)] as const),
  );
}
