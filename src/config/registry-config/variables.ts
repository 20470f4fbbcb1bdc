// registry:2 takes REGISTRY_HTTP_ADDR for http.addr, and so on for every setting; what a variable says, the file cannot
// take back. The value is YAML, so that a variable may hold a whole section: REGISTRY_AUTH='{htpasswd: {…}}'.
import { UsageError } from '../../oci/usage-error.ts';
import type { Environment } from '../interpolate.ts';
import { readYaml } from '../read-yaml.ts';
import { emptyMap, isMap, type SettingMap } from './setting-map.ts';

interface Overlaid {
  readonly values: SettingMap;
  /** The variable by the path that it set, whose keys are joined by NUL. */
  readonly variables: ReadonlyMap<string, string>;
}

const PREFIX = 'REGISTRY_';
// They are the target of `wharf sync`.
const OUR_OWN = new Set(['REGISTRY_DOMAIN', 'REGISTRY_USER', 'REGISTRY_PASSWORD']);
// A driver may be given as its name alone.
const KINDS = ['storage', 'auth'];
const MAX_VARIABLES = 1000;
const MAX_DEPTH = 16;

/** Whether it may be meant for a registry:2 at all. */
export function isRegistryVariable(name: string): boolean {
  return name.startsWith(PREFIX) && !OUR_OWN.has(name);
}

/** The settings with those of the variables over them, shorter names first, as registry:2 does it. Changes `values`. */
export function overlayVariables(values: SettingMap, env: Environment): Overlaid {
  const names = Object.keys(env).filter((name) => isRegistryVariable(name) && env[name] !== undefined);
  if (names.length > MAX_VARIABLES) throw new UsageError(`there are more than ${MAX_VARIABLES} REGISTRY_ variables`);
  const variables = new Map<string, string>();
  for (const name of names.toSorted()) {
    const path = name.slice(PREFIX.length).toLowerCase().split('_');
    if (path.length > MAX_DEPTH) throw new UsageError(`the variable ${name.slice(0, 80)} names no setting; unset it`);
    setAt(values, path, valueOf(env[name] ?? ''));
    variables.set(path.join('\0'), name);
  }
  for (const key of KINDS) {
    const kind = values[key];
    if (typeof kind === 'string') values[key] = kind === '' ? null : emptyMap([[kind, null]]);
  }
  return { values, variables };
}

function setAt(values: SettingMap, path: readonly string[], value: unknown): void {
  let map = values;
  for (const key of path.slice(0, -1)) {
    const below = map[key];
    const next = isMap(below) ? below : emptyMap();
    map[key] = next;
    map = next;
  }
  map[path.at(-1) ?? ''] = value;
}

// A password that happens to be no YAML is a text all the same.
function valueOf(text: string): unknown {
  try {
    const { value, problems } = readYaml(text, '', {});
    return problems.length === 0 && typeof value === 'object' && value !== null ? value : text;
  } catch (error) {
    if (error instanceof UsageError) return text;
    throw error;
  }
}
