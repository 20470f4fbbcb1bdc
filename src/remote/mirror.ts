import type { Digest } from '../oci/digest.ts';
import type { Pattern } from '../oci/pattern.ts';
import { type RepositoryName, familiarName, parseRepositoryName } from '../oci/reference.ts';
import { expandTemplate } from '../oci/template.ts';
import { RemoteError } from './remote-error.ts';
import type { RemoteRegistry } from './remote-registry.ts';
import type { RemoteRepository } from './remote-repository.ts';

type MirrorContent = 'manifests' | 'blobs';

interface MirrorOptions {
  readonly registry: RemoteRegistry;
  /** Where the upstream's repositories are at the mirror: oci/template.ts. */
  readonly template: string;
  /** What it may be asked for. */
  readonly repositories: readonly Pattern[];
  readonly for: readonly MirrorContent[];
  /** What another object for the same mirror has learnt. */
  readonly memory?: MirrorMemory | undefined;
}

/** A whole body from one mirror that does not hash to the digest it was asked for. */
interface Lie {
  readonly digest: Digest;
  readonly proof: string;
}

/** What is learnt of a mirror: plain values. */
export class MirrorMemory {
  /** Repositories that it refuses us. */
  readonly refused = new Set<RepositoryName>();
  /** The proof that it handed out wrong bytes; it is asked no more. */
  lie: Lie | undefined;
}

/**
 * Somebody else who has the same content. Asked by digest only: it never says what a tag means. One that lies is asked
 * no more; one that is busy, down or lacks something is passed over.
 */
export class Mirror {
  readonly registry: RemoteRegistry;
  readonly #options: MirrorOptions;
  readonly #memory: MirrorMemory;

  constructor(options: MirrorOptions) {
    this.registry = options.registry;
    this.#options = options;
    this.#memory = options.memory ?? new MirrorMemory();
  }

  get lie(): Lie | undefined {
    return this.#memory.lie;
  }

  isFor(content: MirrorContent): boolean {
    return this.#options.for.includes(content);
  }

  /** The same repository at the mirror; `undefined` where it may not, or need not, be asked. */
  repository(upstream: string, name: RepositoryName): RemoteRepository | undefined {
    const { repositories, template } = this.#options;
    if (this.#memory.lie !== undefined || this.#memory.refused.has(name)) return undefined;
    if (!repositories.some((pattern) => pattern.matchesName(name))) return undefined;
    const values = { repository: name, name: familiarName(upstream, name), upstream };
    return this.registry.repository(parseRepositoryName(expandTemplate(template, values)));
  }

  /** Learns from a failure. A digest that a whole body of its own does not hash to is a lie. */
  failed(name: RepositoryName, digest: Digest, error: unknown): void {
    if (!(error instanceof RemoteError)) return;
    if (error.code === 'DIGEST_INVALID') this.#memory.lie ??= { digest, proof: error.message };
    if (error.code === 'UNAUTHORIZED' || error.code === 'DENIED' || error.code === 'REALM')
      this.#memory.refused.add(name);
  }
}
