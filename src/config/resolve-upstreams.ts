import { isDomain } from '../oci/reference.ts';
import { BUILT_IN_UPSTREAMS, builtInAt, type BuiltInUpstream } from './built-in-upstreams.ts';
import type { MirrorConfig, UpstreamConfig } from './config.ts';
import { closest } from './did-you-mean.ts';
import { parseRegistryAddress } from './registry-address.ts';
import { type ResolveContext, resolveEndpoint } from './resolve-endpoint.ts';
import type { ConfigInput } from './schema.ts';
import type { Path } from './value-path.ts';
import { type MirrorInput, type UpstreamInput, upstreamSchema } from './upstream-schema.ts';

const BUILT_IN = new Map<string, BuiltInUpstream>(Object.entries(BUILT_IN_UPSTREAMS));

/** The built-in upstreams and those of the file, which may change or remove the former; `{}` is none at all. */
export function resolveUpstreams(
  input: ConfigInput['upstreams'],
  context: ResolveContext,
): ReadonlyMap<string, UpstreamConfig> {
  const written = new Map(Object.entries(input ?? {}));
  const isNone = input !== undefined && written.size === 0;
  const upstreams = new Map<string, UpstreamConfig>();
  for (const name of new Set([...(isNone ? [] : BUILT_IN.keys()), ...written.keys()])) {
    const at = ['upstreams', name];
    const settings = written.get(name) ?? undefined;
    if (settings === 'off' || settings === false) {
      checkIsBuiltIn(name, at, context);
    } else if (isDomain(name)) {
      upstreams.set(name, resolveUpstream(name, settings ?? upstreamSchema.parse({}), at, context));
    } else {
      context.report(at, "this is not a registry's name; write one as references have it, such as ghcr.io", 'key');
    }
  }
  checkClaims(upstreams, context);
  return upstreams;
}

function resolveUpstream(name: string, input: UpstreamInput, at: Path, context: ResolveContext): UpstreamConfig {
  const url = input.url ?? BUILT_IN.get(name)?.url ?? parseRegistryAddress(name)?.origin;
  if (url === undefined) context.report(at, `expected a map with a url, because "${name}" is not a host name`);
  const hubApi = input.hubApi ?? builtInAt(url ?? '')?.hubApi;
  return {
    ...resolveEndpoint(url ?? '', input, at, context),
    name,
    repository: input.repository,
    hubApi: hubApi === 'off' ? undefined : hubApi,
    path: input.path,
    hosts: input.hosts,
    public: input.public,
    repositories: input.repositories,
    mirrors: input.mirrors.map((mirror, index) => resolveMirror(mirror, [...at, 'mirrors', index], context)),
    freshForMs: input.freshFor,
    staleForMs: input.staleFor,
    immutable: input.immutable,
    reservedPulls: input.reserve,
  };
}

function resolveMirror(input: MirrorInput, at: Path, context: ResolveContext): MirrorConfig {
  const { url, repository, repositories } = input;
  return { ...resolveEndpoint(url, input, at, context), repository, repositories, for: input.for };
}

function checkIsBuiltIn(name: string, at: Path, context: ResolveContext): void {
  if (BUILT_IN.has(name)) return;
  const near = closest(name, BUILT_IN.keys());
  const hint = near === undefined ? `these are ${[...BUILT_IN.keys()].join(', ')}` : `did you mean "${near}"?`;
  context.report(at, `only a built-in upstream can be switched off; ${hint}`, 'key');
}

/** A host and a path component can mean one upstream only. */
function checkClaims(upstreams: ReadonlyMap<string, UpstreamConfig>, context: ResolveContext): void {
  const ownerOfPath = new Map([...upstreams.keys()].map((name) => [name, name]));
  const ownerOfHost = new Map<string, string>();
  for (const { name, path, hosts } of upstreams.values()) {
    const at = ['upstreams', name];
    const claim = (owners: Map<string, string>, claimed: string, where: Path) => {
      const owner = owners.get(claimed) ?? name;
      if (owner !== name) context.report(where, `this means the upstream ${owner} already`);
      owners.set(claimed, owner);
    };
    if (path !== undefined) claim(ownerOfPath, path, [...at, 'path']);
    for (const [index, host] of hosts.entries()) claim(ownerOfHost, host, [...at, 'hosts', index]);
  }
}
