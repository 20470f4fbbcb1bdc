/** How much each key has spent in the last so many seconds; each event leaves the window by itself. */
export class RollingWindow {
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #events = new Map<string, number[]>();

  constructor(windowSeconds: number, now: () => number) {
    this.#windowMs = windowSeconds * 1000;
    this.#now = now;
  }

  spent(key: string): number {
    return this.#recent(key).length;
  }

  spend(key: string): void {
    this.#recent(key).push(this.#now());
  }

  /** When the oldest event leaves, in milliseconds; without one, a window from now. */
  nextReleaseAt(key: string): number {
    return (this.#recent(key)[0] ?? this.#now()) + this.#windowMs;
  }

  #recent(key: string): number[] {
    const events = this.#events.get(key) ?? [];
    this.#events.set(key, events);
    const since = this.#now() - this.#windowMs;
    while (events[0] !== undefined && events[0] <= since) events.shift();
    return events;
  }
}
