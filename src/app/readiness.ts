import type { Clock } from '../async/clock.ts';
import { SingleFlight } from '../async/single-flight.ts';
import type { Log } from '../observe/log.ts';

const DEADLINE_MS = 5000;
/** Whoever asks more often gets the answer that there is. */
const FRESH_FOR_MS = 1000;

export interface ReadinessOptions {
  /** Rejects while the server cannot do its work. */
  readonly probe: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Verdict {
  readonly why: string | undefined;
  readonly atMs: number;
}

/** Whether a server can do its work. It looks only when somebody asks, and at most one look is under way. */
export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #probing = new SingleFlight<'probe', void>();
  #verdict: Verdict | undefined;
  #isStopping = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** From now on it is not ready. */
  stop(): void {
    this.#isStopping = true;
  }

  /** A sentence for people; `undefined` when all is well. */
  async whyNot(): Promise<string | undefined> {
    if (!this.#isStopping) await this.#refresh();
    return this.#isStopping ? 'the server is stopping' : this.#verdict?.why;
  }

  async #refresh(): Promise<void> {
    const { clock, log } = this.#options;
    const before = this.#verdict;
    if (before !== undefined && clock.monotonic() < before.atMs + FRESH_FOR_MS) return;
    const why = await this.#probe();
    if (why !== undefined && this.#verdict?.why === undefined) log.warn('not ready', { why });
    if (why === undefined && this.#verdict?.why !== undefined) log.info('ready again');
    this.#verdict = { why, atMs: clock.monotonic() };
  }

  async #probe(): Promise<string | undefined> {
    const { clock, probe } = this.#options;
    const over = new AbortController();
    const late = clock.sleep(DEADLINE_MS, over.signal).then(
      () => `the store did not answer within ${DEADLINE_MS / 1000} s`,
      () => undefined,
    );
    const outcome = this.#probing.run('probe', probe).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    try {
      return await Promise.race([outcome, late]);
    } finally {
      over.abort();
    }
  }
}
