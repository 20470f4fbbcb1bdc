// Counted for each request, so in plain numbers; whoever publishes them reads them when somebody asks.

/** What is counted of a request that is over. */
export interface FinishedRequest {
  readonly method: string;
  /** Which endpoint answered: one of a few words. */
  readonly route: string | undefined;
  readonly status: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  /** `undefined` when the client got nothing. */
  readonly firstByteMs?: number | undefined;
  readonly isComplete: boolean;
}

export interface RequestCount {
  readonly method: string;
  /** The code of the answer, or `incomplete` where the client did not get all of it. */
  readonly status: string;
  readonly count: number;
}

/** Upper bounds; what takes longer than the last is in none. */
export const DURATION_BOUNDS_MS: readonly number[] = [1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 60_000, 300_000];

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE']);
const OTHER = 'other';

export class RequestMetrics {
  readonly #routes = new Map<string, RouteMetrics>();
  #inFlight = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** By route; `other` for those that no endpoint answered. */
  get routes(): ReadonlyMap<string, RouteMetrics> {
    return this.#routes;
  }

  begin(): void {
    this.#inFlight += 1;
  }

  finish(request: FinishedRequest): void {
    this.#inFlight -= 1;
    const { route = OTHER } = request;
    let metrics = this.#routes.get(route);
    if (metrics === undefined) this.#routes.set(route, (metrics = new RouteMetrics()));
    metrics.add(request);
  }
}

export class RouteMetrics {
  readonly #counts = new Map<string, number>();
  /** From the head of a request to the end of its answer. */
  readonly durations = new Durations();
  /** From the head of a request to the first byte of its answer. */
  readonly firstBytes = new Durations();
  sentBytes = 0;
  incomplete = 0;

  add({ method, status, bytesSent, durationMs, firstByteMs, isComplete }: FinishedRequest): void {
    const key = `${METHODS.has(method) ? method : OTHER} ${isComplete ? status : 'incomplete'}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.durations.add(durationMs);
    if (firstByteMs !== undefined) this.firstBytes.add(firstByteMs);
    this.sentBytes += bytesSent;
    if (!isComplete) this.incomplete += 1;
  }

  get counts(): readonly RequestCount[] {
    return [...this.#counts].map(([key, count]) => {
      const [method = OTHER, status = ''] = key.split(' ');
      return { method, status, count };
    });
  }
}

export class Durations {
  /** One more than there are bounds. */
  readonly #counts: number[] = Array.from({ length: DURATION_BOUNDS_MS.length + 1 }, () => 0);
  sumMs = 0;

  add(ms: number): void {
    let bucket = 0;
    while (ms > (DURATION_BOUNDS_MS[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.sumMs += ms;
  }

  /** How many took no longer than each of DURATION_BOUNDS_MS; the last is of all. */
  get counts(): readonly number[] {
    let sum = 0;
    return this.#counts.map((count) => (sum += count));
  }
}
