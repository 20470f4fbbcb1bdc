import type { Clock } from '../async/clock.ts';
import type { Log } from '../observe/log.ts';
import type { Lie } from '../sync/report.ts';
import { type CountedUpstream, mirrorLies, pullsOf } from './upstream-figures.ts';

export interface UpstreamWatchOptions {
  /** Those of the moment. */
  readonly upstreams: () => readonly CountedUpstream[];
  readonly log: Log;
  readonly clock: Clock;
  readonly onLie?: ((lie: Lie) => void) | undefined;
}

const INTERVAL_MS = 10_000;
/** Of a window's pulls; fewer are few. */
const FEW = 0.1;

/** Looks at the upstreams now and then, and tells the log what its reader has to know. Dispose of it to end that. */
export class UpstreamWatch implements AsyncDisposable {
  readonly #options: UpstreamWatchOptions;
  readonly #stop = new AbortController();
  readonly #liars = new Set<string>();
  /** When an upstream's pulls may be told of again. */
  readonly #quietUntilMs = new Map<string, number>();
  #over: Promise<void> = Promise.resolve();

  constructor(options: UpstreamWatchOptions) {
    this.#options = options;
  }

  /** Looks every ten seconds from now on. */
  begin(): this {
    this.#over = this.#run();
    return this;
  }

  /** Tells of what is new since the last time. */
  look(): void {
    const upstreams = this.#options.upstreams();
    for (const upstream of upstreams) this.#lookAtPulls(upstream);
    for (const { mirror, lie } of mirrorLies(upstreams)) {
      if (lie === undefined || this.#liars.has(mirror)) continue;
      this.#liars.add(mirror);
      this.#options.log.error('mirror lied', { mirror, digest: lie.digest, proof: lie.proof });
      this.#options.onLie?.({ mirror, ...lie });
    }
  }

  /** What it saw last is told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#over;
    this.look();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.look();
      await this.#options.clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
    }
  }

  #lookAtPulls(upstream: CountedUpstream): void {
    const { log, clock } = this.#options;
    const nowMs = clock.now();
    const pulls = readPulls(upstream, nowMs);
    if (pulls === undefined || pulls.remaining >= pulls.limit * FEW) return;
    if (nowMs < (this.#quietUntilMs.get(upstream.name) ?? 0)) return;
    this.#quietUntilMs.set(upstream.name, nowMs + pulls.windowSeconds * 1000);
    const { limit, remaining, resetsByMs } = pulls;
    const resetsBy = new Date(resetsByMs).toISOString();
    log.warn('pulls are few', { upstream: upstream.name, remaining, limit, resetsBy });
  }
}

/** The account is on the disk; that it cannot be read is for whoever spends from it to say. */
function readPulls(upstream: CountedUpstream, nowMs: number) {
  try {
    return pullsOf(upstream, nowMs);
  } catch {
    return undefined;
  }
}
