import { SingleFlight } from '../async/single-flight.ts';

/** As SingleFlight, for work that whoever started it may give up: those who wait for it then start it anew. */
export class SharedFlight<K, V> {
  readonly #flights = new SingleFlight<K, V>();

  /** `signal` is the one that ends `work`. Rejects with its reason when it aborts. */
  async run(key: K, work: () => Promise<V>, signal?: AbortSignal): Promise<V> {
    for (;;) {
      try {
        return await this.#flights.run(key, () => unlessAbandoned(work, signal));
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Abandoned)) throw error;
      }
    }
  }
}

class Abandoned extends Error {}

async function unlessAbandoned<V>(work: () => Promise<V>, signal: AbortSignal | undefined): Promise<V> {
  try {
    return await work();
  } catch (error) {
    throw signal?.aborted === true ? new Abandoned('given up by whoever started it', { cause: error }) : error;
  }
}
