import { DOCKER_HUB, isDomain } from '../../oci/reference.ts';
import { BUILT_IN_UPSTREAMS } from '../built-in-upstreams.ts';
import * as scalars from '../scalars.ts';
import { convertLogin } from './convert-login.ts';
import { formatDuration } from './go-duration.ts';
import { literal, type Part, type WharfSetting } from './part.ts';
import type { RegistrySettings } from './settings.ts';

const REMOTE_URL = ['proxy', 'remoteurl'];
const HUB_HOSTS = new Set(['registry-1.docker.io', 'index.docker.io', 'docker.io', 'registry.hub.docker.com']);
const WEEK = '7d';

interface Upstream {
  readonly name: string;
  /** Only where it does not follow from the name. */
  readonly url?: string;
}

/** A pull-through cache has the upstream of `proxy`; without one it is a plain registry that knows no other. */
export function convertProxy(settings: RegistrySettings): Part {
  const upstream = readUpstream(settings);
  if (upstream === undefined) return plainRegistry(settings);
  const { credentials, notes } = convertLogin(settings);
  const { name, url } = upstream;
  const changes = {
    ...(url !== undefined && { url: literal(url) }),
    ...(credentials !== undefined && { credentials }),
  };
  return {
    settings: [
      {
        key: 'defaultUpstream',
        value: literal(name),
        comment: ['What proxy.remoteurl named. The built-in upstreams stay.'],
      },
      ...(Object.keys(changes).length > 0 ? [{ key: 'upstreams', value: { [name]: changes } }] : []),
      { key: 'hosted', value: [] },
      readCache(settings),
    ],
    notes: [
      ...notes,
      ...(credentials === undefined ? [] : [exposure(name)]),
      'proxy.ttl: Wharf also keeps its cache below a size, 200GiB unless cache.maxSize says otherwise',
    ],
  };
}

function plainRegistry(settings: RegistrySettings): Part {
  const isIncomplete = settings.has('proxy');
  return {
    settings: [
      { key: 'hosted', value: ['**'], comment: ['Everything is kept here, and nothing is fetched from elsewhere.'] },
      { key: 'upstreams', value: {} },
    ],
    notes: isIncomplete
      ? ['proxy: without remoteurl it has no effect; `upstreams` names what is to be fetched from']
      : [],
  };
}

function readUpstream(settings: RegistrySettings): Upstream | undefined {
  const url = settings.parsed(scalars.registryUrl, REMOTE_URL)?.value;
  if (url === undefined) return undefined;
  const host = URL.parse(url)?.host ?? '';
  if (HUB_HOSTS.has(host)) return { name: DOCKER_HUB };
  if (!isDomain(host)) settings.report(REMOTE_URL, 'expected a registry such as https://registry.example.com');
  const builtIn = Object.entries(BUILT_IN_UPSTREAMS).find(([, known]) => known.url === url);
  return builtIn === undefined ? { name: host, url } : { name: builtIn[0] };
}

function exposure(name: string): string {
  return `proxy: whoever reaches the server could pull all that this login may read at ${name}; beyond this machine Wharf wants that said, with \`public: true\` under upstreams["${name}"]`;
}

function readCache(settings: RegistrySettings): WharfSetting {
  const durationMs = settings.goDuration('proxy', 'ttl');
  const maxAge = durationMs === undefined ? WEEK : durationMs === 0 ? 'never' : formatDuration(durationMs);
  return {
    key: 'cache',
    value: { maxIdle: 'never', maxAge },
    comment: [
      'As proxy.ttl: what was fetched goes after that time, even if it is used.',
      'With `maxIdle: 30d` and `maxAge: never` only what nobody asks for goes.',
    ],
  };
}
