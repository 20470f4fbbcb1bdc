// Who may use a Worker: everybody, or those who know a secret part of its paths or a login. docker, containerd and podman
// can be given either.
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Answer, jsonAnswer } from '../http/distribution/answer.ts';
import { OCI_ERRORS } from '../oci/errors.ts';

export interface GateSettings {
  readonly sharedSecret: string | undefined;
  readonly basicLogin: string | undefined;
}

export interface AskedPath {
  /** Still percent-encoded. */
  readonly path: string;
  readonly authorization: string | undefined;
}

/** Somebody who may go on, with the path that is left. */
export interface Admitted {
  readonly path: string;
  /** A path that the client is told to go on with, in the form in which it asks. */
  lead(path: string): string;
}

const AS_IT_IS = (path: string): string => path;

/** The refusal of whoever may not go on. */
export function admit(
  { sharedSecret, basicLogin }: GateSettings,
  { path, authorization }: AskedPath,
): Admitted | Answer {
  if (sharedSecret === undefined && basicLogin === undefined) return { path, lead: AS_IT_IS };
  if (basicLogin !== undefined && isSame(authorization ?? '', `Basic ${btoa(basicLogin)}`)) {
    return { path, lead: AS_IT_IS };
  }
  const admitted = sharedSecret === undefined ? undefined : withoutSecret(sharedSecret, path);
  if (admitted !== undefined) return admitted;
  if (basicLogin !== undefined) return challenge();
  // A client pings before it sends the path of an image, and the answer tells nothing.
  if (path === '/v2/' || path === '/v2') return { path, lead: AS_IT_IS };
  return refusal('DENIED', 'this mirror is for those who know the secret part of its paths');
}

/** `/SECRET/v2/…`, for clients that can be given a path, and `/v2/SECRET/…`, in the name of an image. */
function withoutSecret(secret: string, path: string): Admitted | undefined {
  const [, first = '', second = '', ...rest] = path.split('/');
  if (isSame(first, secret)) {
    return { path: `/${[second, ...rest].join('/')}`, lead: (led) => `/${secret}${led}` };
  }
  if (first === 'v2' && isSame(second, secret)) {
    return { path: `/v2/${rest.join('/')}`, lead: (led) => led.replace(/^\/v2\//, `/v2/${secret}/`) };
  }
  return undefined;
}

/** In a time that tells nothing of how much of it was right. */
function isSame(given: string, secret: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(secret));
}

function hashOf(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}

function challenge(): Answer {
  const answer = refusal('UNAUTHORIZED', 'this mirror wants a login; use `docker login`');
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Basic realm="wharf", charset="UTF-8"' } };
}

function refusal(code: 'UNAUTHORIZED' | 'DENIED', message: string): Answer {
  return jsonAnswer(
    OCI_ERRORS[code][0],
    { errors: [{ code, message }] },
    {
      'docker-distribution-api-version': 'registry/2.0',
    },
  );
}
