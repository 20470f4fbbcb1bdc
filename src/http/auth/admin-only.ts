// The admin listener where others than this machine reach it: all but health is for accounts that may administer. A
// browser asks for the login itself, so Basic is enough.
import { OciError } from '../../oci/errors.ts';
import type { AddressRanges } from '../address-ranges.ts';
import { clientAddress } from '../client-address.ts';
import type { Answer } from '../distribution/answer.ts';
import { Refusal, errorAnswer } from '../distribution/errors.ts';
import type { HttpHandler, HttpRequest } from '../distribution/request.ts';
import type { Authenticator } from './authenticator.ts';
import { noteProof } from './note-proof.ts';
import type { Policy } from './policy.ts';

export interface AdminOnlyOptions {
  readonly authenticator: Authenticator;
  readonly policy: Policy;
  readonly trustedProxies: AddressRanges;
}

/** What probes ask. */
const FOR_ALL: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

export function adminOnly(options: AdminOnlyOptions, next: HttpHandler): HttpHandler {
  return async (request): Promise<Answer> => {
    try {
      if (!FOR_ALL.has(request.path)) await check(request, options);
    } catch (error) {
      return errorAnswer(error);
    }
    return await next(request);
  };
}

async function check(request: HttpRequest, { authenticator, policy, trustedProxies }: AdminOnlyOptions): Promise<void> {
  const identity = await authenticator.identify(request);
  // A token of the registry is for its repositories.
  if (identity.kind !== 'account') {
    throw new Refusal(401, 'UNAUTHORIZED', 'this needs the login of an account that may administer this server', {
      'www-authenticate': 'Basic realm="wharf", charset="UTF-8"',
      'cache-control': 'no-store',
    });
  }
  noteProof(request, identity.proof);
  const { account } = identity.proof;
  if (policy.allowsEverywhere({ account, address: clientAddress(request, trustedProxies) }, 'admin')) return;
  throw new OciError('DENIED', `the account ${account} may not administer this server`);
}
