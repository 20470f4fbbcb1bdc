// What the owner of a Worker says: variables and secrets, parsed where they enter. The upstreams are written as in
// wharf.yaml, so that a configuration can move from one edition to the other.
import { z } from 'zod';
import type { EndpointConfig, UpstreamConfig } from '../config/config.ts';
import { describeIssues } from '../config/describe-issues.ts';
import { type Environment, interpolate } from '../config/interpolate.ts';
import { resolveUpstreams } from '../config/resolve-upstreams.ts';
import { upstreamsSchema } from '../config/upstream-schema.ts';
import { type Path, formatPath } from '../config/value-path.ts';
import { DOCKER_HUB } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { FREE_SUBREQUESTS } from './subrequests.ts';

export interface WorkerSettings {
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  readonly defaultUpstream: string | undefined;
  /** Names of the Worker itself, in lower case; empty: all that lead to it. */
  readonly serverNames: readonly string[];
  /** A path component that only those know who may use this Worker. */
  readonly sharedSecret: string | undefined;
  /** `user:password` */
  readonly basicLogin: string | undefined;
  readonly blobs: 'stream' | 'redirect';
  readonly verifyBlobs: boolean;
  readonly maxSubrequests: number;
}

/** Below it a pull with a token, a redirect and a mirror has no room. */
const LEAST_SUBREQUESTS = 10;
const COUNT = { error: `expected a whole number from ${LEAST_SUBREQUESTS} on` };

const bindingsSchema = z.object({
  UPSTREAMS: z.union([z.string(), z.record(z.string(), z.unknown())], {
    error: 'expected a map of the upstreams, by their names; nothing else is ever contacted',
  }),
  DEFAULT_UPSTREAM: z.string().optional(),
  SERVER_NAMES: z
    .string()
    .regex(/^[\w.-]+(?:\s*,\s*[\w.-]+)*$/, { error: 'expected host names, with commas between them' })
    .optional(),
  SHARED_SECRET: z
    .string()
    .regex(/^[a-z0-9]{16,128}$/, { error: 'expected 16 or more lower-case letters and digits: it is a part of a path' })
    .optional(),
  BASIC_LOGIN: z
    .string()
    .regex(/^[^:\s]+:.+$/, { error: 'expected user:password' })
    .optional(),
  BLOBS: z.enum(['stream', 'redirect'], { error: 'expected stream or redirect' }).default('stream'),
  VERIFY_BLOBS: z.union([z.boolean(), z.stringbool()], { error: 'expected true or false' }).default(false),
  MAX_SUBREQUESTS: z.coerce.number(COUNT).int(COUNT).min(LEAST_SUBREQUESTS, COUNT).default(FREE_SUBREQUESTS),
});

/** Clients of a Worker are many and far from each other: what they are told is no older than this. */
const FRESH_FOR = '60s';

/** Throws UsageError with everything that is wrong, and shows no value of a secret. */
export function readBindings(env: Readonly<Record<string, unknown>>): WorkerSettings {
  const problems: string[] = [];
  const report = (path: Path, message: string) => void problems.push(`${formatPath(path)}: ${message}`);
  // A variable that is empty is one that is not set.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const bindings = bindingsSchema.safeParse(given);
  if (!bindings.success) {
    for (const { path, message } of describeIssues(bindings.error.issues)) report(path, message);
    throw new UsageError(problems.join('\n'));
  }
  const {
    UPSTREAMS,
    DEFAULT_UPSTREAM,
    SERVER_NAMES = '',
    SHARED_SECRET,
    BASIC_LOGIN,
    BLOBS,
    VERIFY_BLOBS,
    MAX_SUBREQUESTS,
  } = bindings.data;
  const upstreams = readUpstreams(UPSTREAMS, given, report);
  const defaultUpstream = DEFAULT_UPSTREAM ?? (upstreams.has(DOCKER_HUB) ? DOCKER_HUB : 'none');
  if (defaultUpstream !== 'none' && !upstreams.has(defaultUpstream)) {
    report(['DEFAULT_UPSTREAM'], 'expected none, or the name of an upstream that UPSTREAMS has');
  }
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return {
    upstreams,
    defaultUpstream: defaultUpstream === 'none' ? undefined : defaultUpstream,
    serverNames: SERVER_NAMES.toLowerCase()
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    sharedSecret: SHARED_SECRET,
    basicLogin: BASIC_LOGIN,
    blobs: BLOBS,
    verifyBlobs: VERIFY_BLOBS,
    maxSubrequests: MAX_SUBREQUESTS,
  };
}

type Report = (path: Path, message: string) => void;

/** Only those that are written down: unlike wharf.yaml, a Worker has none built in, as anybody may reach it. */
function readUpstreams(written: unknown, env: Readonly<Record<string, unknown>>, report: Report) {
  const texts: Environment = Object.fromEntries(Object.entries(env).filter(isText));
  const value = withVariables(parseJson(written, report), texts, ['UPSTREAMS'], report);
  const parsed = upstreamsSchema.safeParse(withDefaults(value));
  if (!parsed.success) {
    for (const { path, message } of describeIssues(parsed.error.issues, ['UPSTREAMS'])) report(path, message);
    return new Map<string, UpstreamConfig>();
  }
  const names = Object.keys(parsed.data);
  const resolved = resolveUpstreams(parsed.data, {
    resolvePath: (path) => path,
    readSecret: () => {
      throw new Error('a Worker has no files');
    },
    report: (path, message) => report(['UPSTREAMS', ...path.slice(1)], message),
  });
  const upstreams = new Map([...resolved].filter(([name]) => names.includes(name)));
  for (const [name, config] of upstreams) {
    checkEndpoint(config, ['UPSTREAMS', name], report);
    for (const [index, mirror] of config.mirrors.entries()) {
      checkEndpoint(mirror, ['UPSTREAMS', name, 'mirrors', index], report);
    }
  }
  return upstreams;
}

function parseJson(written: unknown, report: Report): unknown {
  if (typeof written !== 'string') return written;
  try {
    return JSON.parse(written);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    report(['UPSTREAMS'], 'this is not JSON; write it as an object in wrangler.jsonc, or as one line of JSON');
    return {};
  }
}

/** In each text by itself, so that no secret can be more than a text. */
function withVariables(value: unknown, env: Environment, at: Path, report: Report): unknown {
  if (typeof value === 'string') {
    const { text, problems } = interpolate(value, env);
    for (const { message } of problems) report(at, message.replace('environment variable', 'variable or secret'));
    return text;
  }
  if (Array.isArray(value)) return value.map((item, index) => withVariables(item, env, [...at, index], report));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withVariables(item, env, [...at, key], report)]),
  );
}

function withDefaults(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, settings]: [string, unknown]) => {
      const isMap = typeof settings === 'object' && settings !== null;
      return [name, isMap ? { freshFor: FRESH_FOR, ...settings } : settings];
    }),
  );
}

function checkEndpoint({ caFile, insecure, proxy, credentials }: EndpointConfig, at: Path, report: Report): void {
  if (caFile !== undefined || insecure) report(at, 'a Worker trusts what its platform trusts: remove ca and insecure');
  if (proxy !== undefined) report(at, 'a Worker goes through no proxy: remove proxy');
  if (typeof credentials === 'object' && 'exec' in credentials) {
    report(at, 'a Worker runs no programs: write username and password, with ${NAME} for a secret');
  }
}

function isText(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string';
}
