// The admin listener on loopback has no login. A page in a browser on this machine can have its own name lead here, and
// ask as if we were its server; but its requests carry that name.
import { OciError } from '../../oci/errors.ts';
import { errorAnswer } from '../distribution/errors.ts';
import { isLoopbackHost } from '../distribution/is-local.ts';
import type { HttpHandler } from '../distribution/request.ts';

/** What probes ask, under whatever name. */
const FOR_ALL: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

export function namedByLoopback(next: HttpHandler): HttpHandler {
  return (request) => {
    // No browser reaches a unix socket.
    const isNamed = request.localPort === undefined || isLoopbackHost(request.header('host'));
    if (isNamed || FOR_ALL.has(request.path)) return next(request);
    const sentence = 'this listener is for programs on its own machine, which ask for 127.0.0.1, [::1] or localhost';
    return errorAnswer(new OciError('DENIED', sentence));
  };
}
