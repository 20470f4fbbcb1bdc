// One mirror, as a client would meet it: whether it is there at all, how fast, how fresh, and whether it is honest.
import type { Clock } from '../../async/clock.ts';
import { withinDeadline } from '../../async/deadline.ts';
import { chooseEntries } from '../../oci/choose-entries.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { isNotFound } from '../../oci/errors.ts';
import { readManifest } from '../../oci/manifest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { Call, Source } from '../../oci/repository.ts';
import { RemoteError, type RemoteErrorCode } from '../../remote/remote-error.ts';

/** A tag, and what it means at its owner; `undefined` where that did not say. */
export interface ProbeTag {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly digest: Digest | undefined;
}

export interface ProbeOptions extends Call {
  /** The repositories of the mirror by the upstream's names. */
  readonly repository: (name: RepositoryName) => Source;
  readonly tags: readonly ProbeTag[];
  readonly clock: Clock;
}

/** `ok`: it answers as a registry does, to anybody. */
type MirrorState = 'ok' | 'login' | 'limited' | 'no registry' | 'tls' | 'unreachable';

export interface ProbeResult {
  readonly state: MirrorState;
  /** Why it is not `ok`: a sentence that begins with the mirror. */
  readonly reason?: string | undefined;
  /** The median of the HEADs. */
  readonly latencyMs?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  /** Tags that mean at the mirror what they mean at their owner, something else, and nothing. */
  readonly fresh: number;
  readonly other: number;
  readonly missing: number;
  /** Digests under which it sent the right bytes, and the first under which it did not. */
  readonly honest: number;
  readonly lie?: Digest | undefined;
}

const QUESTION_MS = 10_000;
const TRANSFER_MS = 8_000;
const ENOUGH_BYTES = 16 * 1024 * 1024;
const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** Throws only when the signal aborts. Spends no pull at the upstream, and fetches no more than 16 MiB. */
export async function probeMirror(options: ProbeOptions): Promise<ProbeResult> {
  const probe = new Probe(options);
  for (const tag of options.tags) if (!(await probe.ask(tag))) break;
  return probe.result();
}

class Probe {
  readonly #options: ProbeOptions;
  readonly #latencies: number[] = [];
  readonly #counts = { fresh: 0, other: 0, missing: 0, honest: 0 };
  #failure: { readonly state: MirrorState; readonly reason: string } | undefined;
  #lie: Digest | undefined;
  #bytesPerSecond: number | undefined;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  /** Whether asking for more is of use. */
  async ask(tag: ProbeTag): Promise<boolean> {
    const source = this.#options.repository(tag.repository);
    try {
      const digest = await this.#head(source, tag);
      if (digest !== undefined) await this.#fetch(source, tag.digest ?? digest);
      return this.#lie === undefined;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (!(error instanceof RemoteError)) throw error;
      if (error.code === 'DIGEST_INVALID') {
        this.#lie = tag.digest;
        return false;
      }
      // One image that it does not have says nothing of the others; some say DENIED of what they do not have.
      const isMissing = isNotFound(error) || error.code === 'DENIED';
      if (isMissing) this.#counts.missing += 1;
      if (!isNotFound(error)) this.#failure ??= { state: stateOf(error), reason: error.message };
      return isMissing;
    }
  }

  result(): ProbeResult {
    const isOk = this.#failure === undefined || this.#latencies.length > 0;
    const { state, reason } = this.#failure ?? {};
    return {
      state: isOk ? 'ok' : (state ?? 'unreachable'),
      reason: isOk && state === 'login' ? undefined : reason,
      latencyMs: median(this.#latencies),
      bytesPerSecond: this.#bytesPerSecond,
      ...this.#counts,
      lie: this.#lie,
    };
  }

  async #head(source: Source, { tag, digest }: ProbeTag): Promise<Digest | undefined> {
    const { clock } = this.#options;
    const startedMs = clock.monotonic();
    const { descriptor } = await this.#inTime(QUESTION_MS, (call) => source.resolve(tag, call));
    this.#latencies.push(clock.monotonic() - startedMs);
    if (digest !== undefined) this.#counts[descriptor.digest === digest ? 'fresh' : 'other'] += 1;
    return descriptor.digest;
  }

  /** The manifest of one platform, whose bytes prove themselves, and once some of a layer for the speed. */
  async #fetch(source: Source, digest: Digest): Promise<void> {
    const { bytes } = await this.#inTime(QUESTION_MS, (call) => source.manifest(digest, call));
    this.#counts.honest += 1;
    if (this.#bytesPerSecond !== undefined) return;
    let { content } = readManifest(bytes);
    if (content.kind === 'index') {
      const [entry] = chooseEntries(content, [PLATFORM]);
      if (entry === undefined) return;
      content = readManifest(
        (await this.#inTime(QUESTION_MS, (call) => source.manifest(entry.digest, call))).bytes,
      ).content;
      this.#counts.honest += 1;
    }
    const layer = content.kind === 'image' ? largest(content.layers) : undefined;
    if (layer !== undefined) await this.#measure(source, layer);
  }

  async #measure(source: Source, { digest, size }: Descriptor): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonic();
    let received = 0;
    try {
      await this.#inTime(TRANSFER_MS, async (call) => {
        const { body } = await source.blob(digest, { ...call, sizeBytes: size });
        for await (const chunk of body) {
          received += chunk.byteLength;
          if (received >= ENOUGH_BYTES) break;
        }
      });
    } catch (error) {
      // Time ran out: what came until then is its speed. A break says as much.
      if (error instanceof RemoteError && (error.code === 'DIGEST_INVALID' || isNotFound(error))) throw error;
    }
    const seconds = (clock.monotonic() - startedMs) / 1000;
    if (received > 0) this.#bytesPerSecond = received / Math.max(seconds, 0.001);
  }

  async #inTime<T>(ms: number, work: (call: Call) => Promise<T>): Promise<T> {
    const { clock, signal } = this.#options;
    const reason = () => new RemoteError('it', 'TIMEOUT', `did not answer within ${ms / 1000} s`);
    return await withinDeadline({ clock, ms, reason }, (deadline) =>
      work({ signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) }),
    );
  }
}

const STATES: Partial<Record<RemoteErrorCode, MirrorState>> = {
  UNAUTHORIZED: 'login',
  DENIED: 'login',
  REALM: 'login',
  PULL_LIMIT: 'limited',
  RATE_LIMIT: 'limited',
  TLS: 'tls',
  NOT_A_REGISTRY: 'no registry',
  NOT_HTTP: 'no registry',
  MANIFEST_INVALID: 'no registry',
  UNSUPPORTED: 'no registry',
};

function stateOf({ code }: RemoteError): MirrorState {
  return STATES[code] ?? 'unreachable';
}

function largest(layers: readonly Descriptor[]): Descriptor | undefined {
  return layers.toSorted((one, other) => other.size - one.size)[0];
}

function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];
}
