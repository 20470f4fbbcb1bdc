import type { ClientSetup } from '../client-config/client-setup.ts';
import { baseUrlOf, placeOf } from '../client-config/endpoint-place.ts';
import { type Reference, formatReference } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { UsageError } from '../oci/usage-error.ts';
import { checkClientMirror } from './check-client-mirror.ts';
import type { ClientFinding } from './client-finding.ts';
import { CLIENT_TRIALS, type ClientTrialOptions } from './client-trial.ts';
import type { Session } from './session.ts';

export interface CheckClientOptions extends Call, Pick<ClientTrialOptions, 'env' | 'configured'> {
  readonly client: string;
  readonly setup: ClientSetup;
  readonly image: Reference;
  /** The authority's certificate, where it is on this machine. */
  readonly caFile: string | undefined;
}

/** First the mirrors of the image's upstream, then, if they are good, a pull by the client. */
export async function* checkClient(
  session: Session,
  { client, setup, image, caFile, env, configured, signal }: CheckClientOptions,
): AsyncGenerator<ClientFinding> {
  const tryIt = CLIENT_TRIALS[client];
  if (tryIt === undefined) {
    throw new UsageError(`${client} cannot be tried from here; there are ${Object.keys(CLIENT_TRIALS).join(', ')}`);
  }
  const upstream = setup.upstreams.find(({ name }) => name === image.domain);
  if (upstream === undefined) {
    throw new UsageError(
      `no mirror is for ${image.domain}; say with --image what to pull instead of ${formatReference(image)}`,
    );
  }
  let isGood = false;
  for (const endpoint of upstream.endpoints) {
    const place = placeOf(endpoint, upstream);
    const findings = await checkClientMirror(session, { place, caFile, image, signal });
    isGood ||= findings.every(({ state }) => state === 'ok');
    yield* findings;
  }
  // A client would go on to the registry itself, which says nothing of the mirror.
  if (!isGood) return;
  const mirrors = upstream.endpoints.map((endpoint) => baseUrlOf(placeOf(endpoint, upstream)));
  yield* await tryIt({ image, mirrors, env, configured, signal });
}
