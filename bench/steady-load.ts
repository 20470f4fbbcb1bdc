// Requests that come at fixed times, however long the ones before take: a server that stands still makes all of those
// wait which come meanwhile.
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { LargeStore } from './large-store.ts';

/** Milliseconds of each request, by what was asked for. */
export type Latencies = ReadonlyMap<string, readonly number[]>;

const MANIFEST = 'manifest by tag';
const BLOB = 'blob HEAD';

export class SteadyLoad implements AsyncDisposable {
  readonly #url: string;
  readonly #store: LargeStore;
  readonly #requestsPerSecond: number;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string, store: LargeStore, requestsPerSecond: number) {
    this.#url = url;
    this.#store = store;
    this.#requestsPerSecond = requestsPerSecond;
  }

  /** Throws when the server does not answer with 200. */
  async requestOnce(): Promise<void> {
    await this.#ask('GET', this.#store.manifestPath(0));
  }

  /** Asks for manifests and blobs in turns until `done`. Throws when one is not answered with 200. */
  async during(done: Promise<unknown>): Promise<Latencies> {
    const latencies = new Map<string, number[]>([
      [MANIFEST, []],
      [BLOB, []],
    ]);
    const asked: Promise<void>[] = [];
    const over = new AbortController();
    void done.finally(() => over.abort());
    const startedMs = performance.now();
    for (let nth = 0; !over.signal.aborted; nth += 1) {
      const dueMs = startedMs + (nth * 1000) / this.#requestsPerSecond;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await setTimeout(waitMs);
      asked.push(this.#measure(nth % 2 === 0 ? MANIFEST : BLOB, latencies));
    }
    await Promise.all(asked);
    return latencies;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
  }

  async #measure(what: string, latencies: ReadonlyMap<string, number[]>): Promise<void> {
    const startedMs = performance.now();
    if (what === MANIFEST) await this.#ask('GET', this.#store.manifestPath(randomBelow(this.#store.tags)));
    else await this.#ask('HEAD', this.#store.blobPath(randomBelow(this.#store.named)));
    latencies.get(what)?.push(performance.now() - startedMs);
  }

  async #ask(method: string, target: string): Promise<void> {
    const asked = request(this.#url + target, { method, agent: this.#agent }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    if (answer.statusCode !== 200) throw new Error(`${method} ${target} was answered ${answer.statusCode}`);
  }
}

function randomBelow(end: number): number {
  return Math.floor(Math.random() * end);
}
