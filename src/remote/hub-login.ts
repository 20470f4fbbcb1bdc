// The web API's own login (reference "Docker HUB API", POST /v2/auth/token): another than the registry's, though with
// the same user and password.
import { z } from 'zod';
import type { Traffic } from '../observe/traffic.ts';
import type { Call } from '../oci/repository.ts';
import { apiUrl } from './api-url.ts';
import type { Credentials } from './credentials.ts';
import type { Network } from './network.ts';
import { RemoteError } from './remote-error.ts';
import { SharedFlight } from './shared-flight.ts';

export interface HubLoginOptions {
  /** The API's URL. The caller has made sure that it may see the login. */
  readonly url: URL;
  readonly network: Network;
  readonly traffic: Traffic;
  readonly credentials: () => Promise<Credentials | undefined>;
}

const answer = z.object({
  access_token: z
    .string()
    .min(1)
    .max(16_384)
    .regex(/^[\x21-\x7e]+$/),
});
const MAX_ANSWER_BYTES = 64 * 1024;
/** A token is good for ten minutes. */
const LIFETIME_MS = 9 * 60_000;

/** Proves to the web API who we are. */
export class HubLogin {
  readonly #options: HubLoginOptions;
  readonly #flight = new SharedFlight<'token', string | undefined>();
  #token: { readonly header: string | undefined; readonly expiresMs: number } | undefined;

  constructor(options: HubLoginOptions) {
    this.#options = options;
  }

  /** The Authorization header; `undefined` where there is no login. Throws UNAUTHORIZED where it is refused. */
  async header({ signal }: Call = {}): Promise<string | undefined> {
    const { clock } = this.#options.network;
    if (this.#token !== undefined && this.#token.expiresMs > clock.monotonic()) return this.#token.header;
    return await this.#flight.run('token', () => this.#fetch(signal), signal);
  }

  /** From now on there is no login: what is public can be asked for all the same. */
  forget(): void {
    this.#token = { header: undefined, expiresMs: Infinity };
  }

  async #fetch(signal: AbortSignal | undefined): Promise<string | undefined> {
    const { credentials, network } = this.#options;
    const login = await credentials();
    // An identity token is for the registry's token server alone.
    if (login === undefined || !('password' in login)) {
      this.forget();
      return undefined;
    }
    const header = `Bearer ${await this.#exchange(login.username, login.password, signal)}`;
    this.#token = { header, expiresMs: network.clock.monotonic() + LIFETIME_MS };
    return header;
  }

  // What the answer says of the login is not repeated: it may quote the secret.
  async #exchange(identifier: string, secret: string, signal: AbortSignal | undefined): Promise<string> {
    const { url, network, traffic } = this.#options;
    const response = await network.origin(url).exchange({
      method: 'POST',
      url: apiUrl(url, 'auth/token'),
      headers: { accept: 'application/json', 'content-type': 'application/json', 'accept-encoding': 'identity' },
      body: new TextEncoder().encode(JSON.stringify({ identifier, secret })),
      kind: 'token',
      what: 'a login to the web API',
      traffic,
      maxBodyBytes: MAX_ANSWER_BYTES,
      reach: 'configured',
      signal,
    });
    if (response.status !== 200) {
      await response.body.discard();
      const message = `refuses the login of ${identifier} to its web API (${response.status}); check it with \`wharf login\``;
      throw new RemoteError(url.host, 'UNAUTHORIZED', message, { status: response.status });
    }
    const bytes = await response.body.bytes(MAX_ANSWER_BYTES);
    const parsed = answer.safeParse(parseJson(bytes));
    if (parsed.success) return parsed.data.access_token;
    throw new RemoteError(
      url.host,
      'NOT_A_REGISTRY',
      'answered a login to its web API with something else than a token',
    );
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
