// One way to misbehave: an action stands between the request and its handler, and may change either side or answer itself.
import type { Answer } from './answer.ts';
import type { OriginName, Request, RequestKind } from './request.ts';

type Next = (request: Request) => Promise<Answer>;
export type FaultAction = (request: Request, next: Next) => Promise<Answer>;

/** All that is given has to hold. */
export interface FaultCondition {
  readonly origin?: OriginName | undefined;
  readonly kind?: RequestKind | undefined;
  readonly method?: string | readonly string[] | undefined;
  /** A regular expression, searched for in path and query. */
  readonly path?: string | undefined;
  /** Only the nth request that fits the rest, counted from 1; or the nths from first to last. */
  readonly nth?: number | readonly [first: number, last: number] | undefined;
  /** Only each seventh, say, of the requests that fit the rest. */
  readonly every?: number | undefined;
}

export interface Fault {
  readonly when: FaultCondition;
  readonly action: FaultAction;
}

/** The faults in force. Those that fit a request wrap each other in the order of the list, the first outermost. */
export class Faults {
  #active: { readonly fault: Fault; readonly path: RegExp | undefined; seen: number }[] = [];

  constructor(faults: readonly Fault[] = []) {
    this.add(...faults);
  }

  add(...faults: readonly Fault[]): void {
    for (const fault of faults) {
      const { path } = fault.when;
      this.#active.push({ fault, path: path === undefined ? undefined : new RegExp(path), seen: 0 });
    }
  }

  clear(): void {
    this.#active = [];
  }

  async answer(request: Request, handle: Next): Promise<Answer> {
    if (this.#active.length === 0) return handle(request);
    return this.#actionsFor(request).reduceRight<Next>((next, action) => (seen) => action(seen, next), handle)(request);
  }

  #actionsFor(request: Request): FaultAction[] {
    const fitting = this.#active.filter(({ fault, path }) => fits(fault.when, path, request));
    for (const entry of fitting) entry.seen += 1;
    return fitting.filter(({ fault, seen }) => isDue(fault.when, seen)).map(({ fault }) => fault.action);
  }
}

function fits(when: FaultCondition, path: RegExp | undefined, request: Request): boolean {
  if (when.origin !== undefined && when.origin !== request.origin) return false;
  if (when.kind !== undefined && when.kind !== request.kind) return false;
  if (when.method !== undefined && ![when.method].flat().includes(request.method)) return false;
  return path === undefined || path.test(request.target);
}

function isDue({ nth, every = 1 }: FaultCondition, seen: number): boolean {
  if (seen % every !== 0) return false;
  if (nth === undefined) return true;
  const [first, last] = typeof nth === 'number' ? [nth, nth] : nth;
  return first <= seen && seen <= last;
}
