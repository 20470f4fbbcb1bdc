// How a client learns where to log in: RFC 6750 §3, as distribution has it (token authentication specification, §How to
// authenticate). Every parameter is in quotes, as some clients find them by these.
import { Refusal } from '../distribution/errors.ts';
import type { HttpRequest } from '../distribution/request.ts';
import { type ExternalOriginOptions, externalOrigin } from './external-origin.ts';

export const TOKEN_PATH = '/token';

export interface ChallengeOptions extends ExternalOriginOptions {
  /** What tokens are for. */
  readonly service: string;
}

export interface Challenged {
  readonly request: HttpRequest;
  /** What stood before `/v2`. */
  readonly prefix?: string | undefined;
  /** What to ask a token for: `repository:library/nginx:pull`. */
  readonly scope?: string | undefined;
  /** Why what the client has is not enough; nothing for one that has nothing. */
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
  /** Where more can be said than that. */
  readonly message?: string | undefined;
}

export function challenge(options: ChallengeOptions, { request, prefix, scope, error, message }: Challenged): Refusal {
  const path = prefix === undefined ? TOKEN_PATH : `/${prefix}${TOKEN_PATH}`;
  const parameters = [
    ['realm', `${externalOrigin(request, options)}${path}`],
    ['service', options.service],
    ['scope', scope],
    ['error', error],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`]));
  const headers = { 'www-authenticate': `Bearer ${parameters.join(',')}`, 'cache-control': 'no-store' };
  return new Refusal(401, 'UNAUTHORIZED', message ?? SENTENCES[error ?? 'none'], headers);
}

const SENTENCES = {
  none: 'this needs a login: docker login, or its like of another client, with an account of this registry',
  invalid_token: 'the login is wrong or over; log in again',
  insufficient_scope: 'the token that was sent does not give this',
} as const;
