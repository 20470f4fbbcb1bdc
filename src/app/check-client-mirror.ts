// Whether a mirror is one at all, before a client is blamed.
import { systemClock } from '../async/clock.ts';
import { withinDeadline } from '../async/deadline.ts';
import { type EndpointPlace, baseUrlOf } from '../client-config/endpoint-place.ts';
import { type Reference, formatReference, parseRepositoryName } from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import { RemoteError } from '../remote/remote-error.ts';
import type { RemoteRegistry } from '../remote/remote-registry.ts';
import { type ClientFinding, ok, wrong } from './client-finding.ts';
import type { Session } from './session.ts';

export interface CheckClientMirrorOptions extends Call {
  readonly place: EndpointPlace;
  readonly caFile: string | undefined;
  readonly image: Reference;
}

const ANSWER_MS = 15_000;

/** Asks as nobody in particular, and spends no pull. */
export async function checkClientMirror(
  session: Session,
  { place, caFile, image, signal }: CheckClientMirrorOptions,
): Promise<readonly ClientFinding[]> {
  const origin = baseUrlOf(place);
  const registry = registryAt(session, origin, caFile);
  const reference = image.digest ?? image.tag;
  const root = await ask(registry, (call) => registry.checkLogin(call), signal);
  if (root !== undefined) return [wrong((await otherScheme(session, origin, caFile, signal)) ?? explain(root, origin))];
  const answers = ok(`${origin} answers as a registry does`);
  // Without a prefix that could be written, only a client can say which upstream it means.
  if (reference === undefined || place.namePrefix === undefined) return [answers];
  const name = [place.namePrefix, image.repository].filter((part) => part !== '').join('/');
  const repository = registry.repository(parseRepositoryName(name));
  const manifest = await ask(registry, (call) => repository.resolve(reference, call), signal);
  if (manifest === undefined) return [answers, ok(`${origin} has ${formatReference(image)}`)];
  return [answers, wrong(explain(manifest, origin))];
}

function registryAt(session: Session, url: string, caFile: string | undefined): RemoteRegistry {
  return session.registry({ url, caFile, realms: [], insecure: false, credentials: 'anonymous' });
}

/** What came between us and the answer. */
async function ask(
  { host }: RemoteRegistry,
  question: (call: Call) => Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<RemoteError | undefined> {
  const reason = () => new RemoteError(host, 'TIMEOUT', `did not answer within ${ANSWER_MS / 1000} s`);
  try {
    await withinDeadline({ clock: systemClock, ms: ANSWER_MS, reason }, (deadline) =>
      question({ signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]) }),
    );
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RemoteError) return error;
    throw error;
  }
}

/** Whether it is a registry by the other of http and https. */
async function otherScheme(
  session: Session,
  origin: string,
  caFile: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const other = origin.startsWith('https:') ? origin.replace('https:', 'http:') : origin.replace('http:', 'https:');
  const registry = registryAt(session, other, caFile);
  const error = await ask(registry, (call) => registry.checkLogin(call), signal);
  const isThere =
    error === undefined || error.code === 'UNAUTHORIZED' || (error.code === 'TLS' && /certificate/.test(error.message));
  return isThere ? `there is no registry at ${origin}, but one at ${other}; say so in --mirror` : undefined;
}

function explain(error: RemoteError, origin: string): string {
  if (error.code === 'UNAUTHORIZED' || error.code === 'DENIED' || error.code === 'REALM') {
    return `${error.message}. Clients are not asked for a login to a mirror, so ${origin} has to give it to anybody`;
  }
  if (error.code === 'TLS') return `${error.message}; say with --ca which authority has signed it`;
  if (error.code === 'MANIFEST_UNKNOWN' || error.code === 'NAME_UNKNOWN')
    return `${error.message}. Either its upstream has no such image, or ${origin} does not know the upstream`;
  return error.message;
}
