// A process that is killed, or whose disk fails, played within this one.

/** What happens to the calls of somebody. */
interface Fate {
  /** Takes the place of the next call, if it gives a promise. */
  beforeCall(): Promise<never> | undefined;
}

/** Ends before the call that comes after so many: neither that one nor a later one is made, or ever answered. */
export class Life implements Fate {
  readonly #end = Promise.withResolvers<void>();
  #callsLeft: number;

  constructor(calls: number) {
    this.#callsLeft = calls;
  }

  /** Is fulfilled when it is over, which whoever leads it does not learn. */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  get isOver(): boolean {
    return this.#callsLeft < 0;
  }

  beforeCall(): Promise<never> | undefined {
    this.#callsLeft -= 1;
    if (!this.isOver) return undefined;
    this.#end.resolve();
    return new Promise(() => undefined);
  }
}

/** Makes only the call fail that comes after so many. */
export class Mishap implements Fate {
  readonly #error: Error;
  #callsLeft: number;

  constructor(calls: number, error: Error) {
    this.#callsLeft = calls;
    this.#error = error;
  }

  get hasHappened(): boolean {
    return this.#callsLeft < 0;
  }

  beforeCall(): Promise<never> | undefined {
    this.#callsLeft -= 1;
    return this.#callsLeft === -1 ? Promise.reject(this.#error) : undefined;
  }
}

/** The same parts, as whoever has that fate calls them. */
export function mortal<Parts extends object>(parts: Parts, fate: Fate): Parts {
  const wrapped = Object.entries(parts).map(([name, part]: [string, unknown]) => [
    name,
    typeof part === 'object' && part !== null ? mortalPart(part, fate) : part,
  ]);
  return Object.fromEntries(wrapped) as Parts;
}

function mortalPart(part: object, fate: Fate): object {
  return new Proxy(part, {
    get(_, key) {
      const value: unknown = Reflect.get(part, key, part);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]) => {
        const instead = fate.beforeCall();
        if (instead === undefined) return Reflect.apply(value, part, args) as unknown;
        return Object.assign(instead, { [Symbol.asyncIterator]: () => ({ next: () => instead }) });
      };
    },
  });
}
