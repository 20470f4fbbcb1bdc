import { Worker } from 'node:worker_threads';
import type { BcryptOrder, BcryptVerdict } from './bcrypt-worker.ts';

const WORKER = import.meta.url.endsWith('.ts')
  ? new URL('bcrypt-worker.ts', import.meta.url)
  : new URL('bcrypt-worker.js', import.meta.url);

/** A thread that begins with the first password, and never keeps the process alive. */
export class BcryptThread implements AsyncDisposable {
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();
  #worker: Worker | undefined;
  #lastId = 0;

  check(password: string, hash: string): Promise<boolean> {
    const order: BcryptOrder = { id: (this.#lastId += 1), password, hash };
    const verdict = Promise.withResolvers<boolean>();
    this.#waiting.set(order.id, verdict);
    this.#worker ??= this.#begin();
    this.#worker.ref();
    this.#worker.postMessage(order, []);
    return verdict.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  #begin(): Worker {
    const worker = new Worker(WORKER);
    worker.on('message', ({ id, isRight }: BcryptVerdict) => {
      this.#waiting.get(id)?.resolve(isRight);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
    });
    const fail = (error: unknown) => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('the thread that compares passwords has ended')));
    return worker;
  }
}
