import type { HttpHandler } from '../http/distribution/request.ts';

/**
 * A handler that is replaced while it answers. What it needs is given back when it has answered all that it was asked;
 * bodies of answers need nothing of it any more.
 */
export class Retiring implements AsyncDisposable {
  readonly #needs: AsyncDisposable;
  readonly #handler: HttpHandler;
  #answering = 0;
  #isRetired = false;
  readonly #over = Promise.withResolvers<void>();

  constructor(handler: HttpHandler, needs: AsyncDisposable) {
    this.#handler = handler;
    this.#needs = needs;
  }

  readonly handler: HttpHandler = (request) => {
    const answer = this.#handler(request);
    if (!(answer instanceof Promise)) return answer;
    this.#answering += 1;
    return answer.finally(() => {
      this.#answering -= 1;
      this.#endIfOver();
    });
  };

  /** It is asked nothing any more. Resolves when what it needed has been given back. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isRetired = true;
    this.#endIfOver();
    await this.#over.promise;
    await this.#needs[Symbol.asyncDispose]();
  }

  #endIfOver(): void {
    if (this.#isRetired && this.#answering === 0) this.#over.resolve();
  }
}
