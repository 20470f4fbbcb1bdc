// What tags mean: kept for as long as they are fresh, asked of the authority then, and stood in for by what was known while
// the authority gives no answer. The policy is that of the cache (pull-through/freshness.ts).
import { z } from 'zod';
import type { Clock } from '../async/clock.ts';
import type { ReadCall, Staleness } from '../http/distribution/hosted-repository.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import type { Tag } from '../oci/reference.ts';
import type { Source } from '../oci/repository.ts';
import { type FreshnessPolicy, isFresh, isFreshForInsistent, isUsableStale } from '../pull-through/freshness.ts';
import { UpstreamFailure, failureFor } from '../pull-through/upstream-failure.ts';
import type { EdgeCache } from './edge-cache.ts';

export interface TagMeaningsOptions {
  readonly authority: Pick<Source, 'resolve'>;
  readonly cache: EdgeCache;
  readonly clock: Clock;
  readonly policy: FreshnessPolicy;
  /** How long there are no pulls yet, where that is known. */
  readonly pullsBackInMs: () => number | undefined;
}

const keptSchema = z.object({
  meaning: z
    .object({
      digest: z.string().refine(isDigest),
      mediaType: z.string(),
      size: z.int().nonnegative(),
      asOfMs: z.number(),
    })
    .optional(),
  /** The last answer was none: until then the authority is not asked again. */
  failure: z
    .object({
      kind: z.enum(['unknown', 'limited', 'silent', 'broken']),
      message: z.string(),
      untilMs: z.number(),
      retryAtMs: z.number().optional(),
    })
    .optional(),
});

type Kept = z.infer<typeof keptSchema>;
type Meaning = Descriptor & { readonly stale?: Staleness | undefined };

/** containerd repeats what was refused five times at once: one question is enough for all. */
const PAUSE_MS = { unknown: 10_000, limited: 5_000, silent: 5_000, broken: 5_000 } as const;
const LONGEST_PAUSE_MS = 60_000;

export class TagMeanings {
  readonly #options: TagMeaningsOptions;

  constructor(options: TagMeaningsOptions) {
    this.#options = options;
  }

  /** Throws MANIFEST_UNKNOWN, NAME_UNKNOWN, DENIED, and UpstreamFailure where there is no answer that can be used. */
  async resolve(tag: Tag, { isInsistent = false, signal }: ReadCall): Promise<Meaning> {
    const { authority, clock, policy } = this.#options;
    const kept = await this.#kept(tag);
    const nowMs = clock.now();
    const { meaning, failure } = kept;
    if (meaning !== undefined && failure?.kind !== 'unknown') {
      const age = { asOfMs: meaning.asOfMs, nowMs };
      if (isInsistent ? isFreshForInsistent(age) : isFresh(tag, age, policy)) return descriptorOf(meaning);
    }
    if (failure !== undefined && failure.untilMs > nowMs) return this.#standIn(kept, errorOf(failure, nowMs));
    try {
      const { descriptor, asOf } = await authority.resolve(tag, { signal });
      this.#keep(tag, { meaning: { ...descriptor, asOfMs: asOf.getTime() } });
      return descriptor;
    } catch (error) {
      signal?.throwIfAborted();
      const failed = failureFor(error, { unknown: 'MANIFEST_UNKNOWN', pullsBackInMs: this.#options.pullsBackInMs() });
      const failure = failureOf(failed, clock.now(), policy);
      // A tag that is gone is gone here, too.
      if (failure !== undefined) this.#keep(tag, failure.kind === 'unknown' ? { failure } : { meaning, failure });
      return this.#standIn(kept, failed);
    }
  }

  /** Only an authority that gives no answer is stood in for. */
  #standIn({ meaning }: Kept, error: unknown): Meaning {
    const { policy, clock } = this.#options;
    const age = { asOfMs: meaning?.asOfMs ?? 0, nowMs: clock.now() };
    if (meaning === undefined || !(error instanceof UpstreamFailure) || !isUsableStale(age, policy)) throw error;
    return { ...descriptorOf(meaning), stale: { ageMs: age.nowMs - age.asOfMs, reason: error.message } };
  }

  async #kept(tag: Tag): Promise<Kept> {
    const found = await this.#options.cache.get(keyOf(tag));
    if (found === undefined) return {};
    try {
      return keptSchema.parse(JSON.parse(new TextDecoder().decode(found.bytes)));
    } catch {
      return {};
    }
  }

  #keep(tag: Tag, kept: Kept): void {
    const { cache, policy } = this.#options;
    const bytes = new TextEncoder().encode(JSON.stringify(kept));
    const forMs = kept.meaning === undefined ? LONGEST_PAUSE_MS : policy.freshForMs + policy.staleForMs;
    cache.keep(keyOf(tag), { bytes, mediaType: 'application/json' }, forMs);
  }
}

function keyOf(tag: Tag): string {
  return `tags/${tag}`;
}

function descriptorOf({ digest, mediaType, size }: NonNullable<Kept['meaning']>): Descriptor {
  return { digest, mediaType, size };
}

/** Who wants every tag asked for anew gets no failure from before, either. A refusal of our login is never kept. */
function failureOf(error: unknown, nowMs: number, { freshForMs }: FreshnessPolicy): Kept['failure'] {
  const kind = isUnknown(error) ? 'unknown' : error instanceof UpstreamFailure ? error.kind : undefined;
  if (kind === undefined) return undefined;
  const { message } = error as Error;
  const retryAfterMs = error instanceof UpstreamFailure ? error.retryAfterMs : undefined;
  const pauseMs = Math.min(retryAfterMs ?? PAUSE_MS[kind], LONGEST_PAUSE_MS, freshForMs);
  const retryAtMs = retryAfterMs === undefined ? undefined : nowMs + retryAfterMs;
  return { kind, message, untilMs: nowMs + pauseMs, retryAtMs };
}

function errorOf({ kind, message, retryAtMs }: NonNullable<Kept['failure']>, nowMs: number): Error {
  if (kind === 'unknown') return new OciError('MANIFEST_UNKNOWN', message);
  return new UpstreamFailure(kind, message, { retryAfterMs: retryAtMs && Math.max(0, retryAtMs - nowMs) });
}

function isUnknown(error: unknown): boolean {
  return error instanceof OciError && error.status === 404;
}
