// Clients of a server without accounts: all that is known of them is whether they are on this machine.
import { OciError } from '../../oci/errors.ts';
import { isLocal } from '../distribution/is-local.ts';
import type { HttpRequest } from '../distribution/request.ts';
import type { CanonicalRepository, Client, Clients } from './client.ts';
import { notHosted } from './not-hosted.ts';
import type { Action } from './policy.ts';

/** Whether whoever is elsewhere may push and delete what is our own, too. */
export function unknownClients({ mayWrite }: { readonly mayWrite: boolean }): Clients {
  return { of: ({ request }) => new UnknownClient(request, mayWrite) };
}

class UnknownClient implements Client {
  readonly #request: HttpRequest;
  readonly #mayWrite: boolean;

  constructor(request: HttpRequest, mayWrite: boolean) {
    this.#request = request;
    this.#mayWrite = mayWrite;
  }

  get seesPrivate(): boolean {
    return isLocal(this.#request);
  }

  admit(action: Action, { written, isHosted }: CanonicalRepository): void {
    if (action === 'pull' || isLocal(this.#request)) return;
    // Without accounts this machine alone fills what is an upstream's.
    if (!isHosted) throw notHosted(written);
    if (this.#mayWrite) return;
    throw new OciError(
      'DENIED',
      `${written} is written by programs on the machine of this server alone: it has no accounts, and lets others only pull`,
    );
  }

  admitToServer(): void {
    // There is nothing to log in with.
  }

  mayPull(): boolean {
    return true;
  }
}
