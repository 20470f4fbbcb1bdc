// What the log is told of pulls. An upstream that is down would fill it: what comes with every request is told of once a
// minute, with how often it came.
import type { Clock } from '../async/clock.ts';
import type { Log } from '../observe/log.ts';
import type { PullEvents } from '../pull-through/pull-events.ts';
import { Seldom } from './seldom.ts';

export interface PullLogOptions {
  readonly log: Log;
  readonly clock: Clock;
}

/** The key of what is of this server and no upstream. */
const HERE = '';

export class PullLog implements Omit<PullEvents, 'used'> {
  readonly #log: Log;
  readonly #stale: Seldom;
  readonly #lost: Seldom;
  /** Upstreams that the log was told of as giving no answer. */
  readonly #silent = new Set<string>();

  constructor({ log, clock }: PullLogOptions) {
    this.#log = log;
    this.#stale = new Seldom(clock);
    this.#lost = new Seldom(clock);
  }

  count(...[outcome, { upstream }, reason]: Parameters<PullEvents['count']>): void {
    if (outcome === 'stale') this.#standIn(upstream, reason);
    // A miss may have been answered by others; that nothing changed, the upstream alone says.
    else if (outcome === 'revalidated' && this.#silent.delete(upstream)) {
      this.#log.info('upstream answers again', { upstream, answers: this.#stale.take(upstream) });
    }
  }

  notKept(...[repository, error]: Parameters<PullEvents['notKept']>): void {
    const times = this.#lost.due(HERE);
    if (times !== undefined) this.#log.warn('not kept', { repository, error: String(error), times });
  }

  #standIn(upstream: string, reason: string | undefined): void {
    const answers = this.#stale.due(upstream);
    if (answers === undefined) return;
    this.#silent.add(upstream);
    this.#log.warn('stale served', { upstream, reason, answers });
  }
}
