// Counted for each pull, so in plain numbers; whoever publishes them reads them when somebody asks.

/**
 * How a pull was answered: `hit` without asking, `revalidated` after the upstream said that nothing changed, `miss` with
 * what had to be asked for, `stale` with what was known before, as the upstream gave no answer.
 */
export type PullOutcome = 'hit' | 'revalidated' | 'miss' | 'stale';

/** A manifest, or only its descriptor; a blob, or a part of it. */
export type PulledKind = 'manifest' | 'blob';

export interface PullCount {
  readonly upstream: string;
  readonly kind: PulledKind;
  readonly outcome: PullOutcome;
  readonly count: number;
}

type Outcomes = Record<PullOutcome, number>;

/** Pulls by upstream, kind and outcome. Upstreams are configured, so there are only so many. */
export class PullMetrics {
  readonly #upstreams = new Map<string, Record<PulledKind, Outcomes>>();

  count(outcome: PullOutcome, pulled: { readonly upstream: string; readonly kind: PulledKind }): void {
    let counts = this.#upstreams.get(pulled.upstream);
    if (counts === undefined) this.#upstreams.set(pulled.upstream, (counts = { manifest: none(), blob: none() }));
    counts[pulled.kind][outcome] += 1;
  }

  /** Of what has happened at all. */
  get counts(): readonly PullCount[] {
    return [...this.#upstreams].flatMap(([upstream, kinds]) =>
      (['manifest', 'blob'] as const).flatMap((kind) =>
        OUTCOMES.map((outcome) => ({ upstream, kind, outcome, count: kinds[kind][outcome] })).filter(isSeen),
      ),
    );
  }
}

const OUTCOMES: readonly PullOutcome[] = ['hit', 'revalidated', 'miss', 'stale'];

function none(): Outcomes {
  return { hit: 0, revalidated: 0, miss: 0, stale: 0 };
}

function isSeen({ count }: PullCount): boolean {
  return count > 0;
}
