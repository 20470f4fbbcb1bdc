// The upstreams as the /v2 API serves them, for one request. Nothing is stored but in the cache of the data centre, nothing
// is pushed, and whatever is not configured is not contacted.
import { systemClock } from '../async/clock.ts';
import type { UpstreamConfig } from '../config/config.ts';
import type { AskedRepository, HostedRegistry, HostedRepository } from '../http/distribution/hosted-repository.ts';
import { OciError } from '../oci/errors.ts';
import { parsePattern } from '../oci/pattern.ts';
import { DOCKER_HUB, type RepositoryName } from '../oci/reference.ts';
import { failureFor } from '../pull-through/upstream-failure.ts';
import { canBeOnDockerHub, isMeant } from '../pull-through/which-repository.ts';
import type { Upstream } from '../remote/upstream.ts';
import { EdgeCache } from './edge-cache.ts';
import { fetchSend } from './fetch-send.ts';
import type { Isolate } from './isolate.ts';
import type { CacheStore, RequestContext } from './platform.ts';
import type { Subrequests } from './subrequests.ts';
import { WorkerRepository } from './worker-repository.ts';

export interface WorkerRegistryOptions {
  readonly isolate: Isolate;
  readonly subrequests: Subrequests;
  readonly store: CacheStore;
  readonly context: RequestContext;
}

export class WorkerRegistry implements HostedRegistry {
  readonly #options: WorkerRegistryOptions;

  constructor(options: WorkerRegistryOptions) {
    this.#options = options;
  }

  async repository(path: RepositoryName, { request, prefix }: AskedRepository): Promise<HostedRepository> {
    const { names, settings } = this.#options.isolate;
    const host = request.header('host') ?? '';
    if (!this.#options.isolate.isServedAt(host)) {
      throw new OciError('NAME_UNKNOWN', `"${host.slice(0, 200)}" is no name of this mirror`);
    }
    const ns = request.query.get('ns') ?? undefined;
    const meant = names.meant(path, { host, ns, prefix });
    if (!isMeant(meant)) throw new OciError('NAME_UNKNOWN', meant.reason);
    const { name, upstream: upstreamName } = meant;
    const config = settings.upstreams.get(upstreamName ?? '');
    if (config === undefined) throw notConfigured(path);
    // As docker reads it, the first component of such a name is another registry.
    if (config.name === DOCKER_HUB && !canBeOnDockerHub(name)) throw notConfigured(name);
    if (!config.repositories.some((pattern) => parsePattern(pattern).matchesName(name))) {
      throw new OciError('DENIED', `${config.name}/${name} is not among what this mirror asks ${config.name} for`);
    }
    return await this.#repository(config, name);
  }

  isPrefix(component: string): boolean {
    return this.#options.isolate.names.upstreamOf(component) !== undefined;
  }

  listRepositories(): never {
    throw new OciError('UNSUPPORTED', 'this mirror keeps no repositories that it could list');
  }

  async #repository(config: UpstreamConfig, name: RepositoryName): Promise<HostedRepository> {
    const { isolate, subrequests, store, context } = this.#options;
    const upstream = isolate.upstream(config, fetchSend({ subrequests }));
    await this.#checkMayRead(config, upstream, name);
    const owner = `${config.name} ${config.url} ${config.repository} ${name}`;
    const { blobs, verifyBlobs } = isolate.settings;
    return new WorkerRepository({
      name,
      upstream,
      config,
      cache: new EdgeCache({ store, subrequests, context, owner }),
      clock: systemClock,
      mayRedirect: blobs === 'redirect',
      verifyBlobs,
    });
  }

  /** What our login may read and others may not is for those who know the secret of this mirror, or have its login. */
  async #checkMayRead({ public: isOpen }: UpstreamConfig, upstream: Upstream, name: RepositoryName): Promise<void> {
    const { sharedSecret, basicLogin } = this.#options.isolate.settings;
    if (isOpen || sharedSecret !== undefined || basicLogin !== undefined) return;
    const isPublic = await upstream.isPublic(name).catch((error: unknown) => {
      throw failureFor(error, { unknown: 'MANIFEST_UNKNOWN' });
    });
    if (isPublic) return;
    throw new OciError(
      'DENIED',
      `${upstream.name}/${name} is read with a login of this mirror, which is open to everybody; its owner may set ` +
        `SHARED_SECRET or BASIC_LOGIN, or public: true for ${upstream.name}`,
    );
  }
}

function notConfigured(name: RepositoryName): OciError {
  const [first] = name.split('/');
  return new OciError('NAME_UNKNOWN', `"${first}" is no upstream of this mirror; to use it, list it in UPSTREAMS`);
}
