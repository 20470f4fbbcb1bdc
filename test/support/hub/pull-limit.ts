// Docker Hub's pull limit: so many GETs of manifests per identity in a rolling window. HEAD is free, yet refused once
// nothing is left.
import { type Answer, errorAnswer, withHeaders } from '../origin/answer.ts';
import { RollingWindow } from './rolling-window.ts';

/** Who is charged: an account, or without one the address. */
export interface Identity {
  readonly source: string;
  readonly isAccount: boolean;
  /** `undefined`: not metered, and answers say nothing of a limit. */
  readonly limit: number | undefined;
}

const INCREASE = 'https://www.docker.com/increase-rate-limit';
const ANONYMOUS_REFUSAL = `You have reached your unauthenticated pull rate limit. ${INCREASE}`;
const ACCOUNT_REFUSAL = `You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: ${INCREASE}s`;

export class PullLimit {
  readonly #windowSeconds: number;
  readonly #pulls: RollingWindow;

  constructor(windowSeconds: number, now: () => number) {
    this.#windowSeconds = windowSeconds;
    this.#pulls = new RollingWindow(windowSeconds, now);
  }

  /** Charges the request, unless nothing is left, and says in its answer what is. */
  charge(who: Identity, method: string, answer: () => Answer): Answer {
    if (who.limit === undefined) return answer();
    if (this.#pulls.spent(who.source) >= who.limit) return withHeaders(refusal(who), this.#headers(who, who.limit));
    if (method === 'GET') this.#pulls.spend(who.source);
    return withHeaders(answer(), this.#headers(who, who.limit));
  }

  #headers({ source }: Identity, limit: number): Record<string, string> {
    const left = Math.max(limit - this.#pulls.spent(source), 0);
    return {
      'ratelimit-limit': `${limit};w=${this.#windowSeconds}`,
      'ratelimit-remaining': `${left};w=${this.#windowSeconds}`,
      'docker-ratelimit-source': source,
    };
  }
}

function refusal({ isAccount }: Identity): Answer {
  return errorAnswer('TOOMANYREQUESTS', isAccount ? ACCOUNT_REFUSAL : ANONYMOUS_REFUSAL);
}
