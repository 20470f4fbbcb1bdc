// The Cloudflare edition of the pull path. What the runtime calls is here; what it does is in worker-registry.ts.
import { jsonAnswer } from '../http/distribution/answer.ts';
import { registryHandler } from '../http/distribution/registry-handler.ts';
import { OCI_ERRORS } from '../oci/errors.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readBindings } from './bindings.ts';
import { consoleLog } from './console-log.ts';
import { plainRequest, runtimeResponse } from './exchange.ts';
import { admit } from './gate.ts';
import { Isolate } from './isolate.ts';
import { type RequestContext, edgeCacheStore } from './platform.ts';
import { Subrequests } from './subrequests.ts';
import { WorkerRegistry } from './worker-registry.ts';

type Environment = Readonly<Record<string, unknown>>;

const isolates = new WeakMap<Environment, Isolate>();
const AS_IT_IS = { lead: (path: string) => path };

export default {
  async fetch(request: Request, env: Environment, context: RequestContext): Promise<Response> {
    const isolate = isolateOf(env);
    if (isolate === undefined) return runtimeResponse(notConfigured(), AS_IT_IS);
    const { pathname: path } = new URL(request.url);
    const authorization = request.headers.get('authorization') ?? undefined;
    const admitted = admit(isolate.settings, { path, authorization });
    if ('status' in admitted) return runtimeResponse(admitted, AS_IT_IS);
    const subrequests = new Subrequests(isolate.settings.maxSubrequests);
    const registry = new WorkerRegistry({ isolate, subrequests, store: edgeCacheStore(), context });
    const handle = registryHandler(registry, { isReadOnly: true });
    const answer = await handle(plainRequest(request, admitted.path));
    // A client that leaves ends what was done for it, which is no failure.
    if (answer.error instanceof Error && !request.signal.aborted) {
      consoleLog.error('request failed', { path: admitted.path, error: answer.error.message });
    }
    return runtimeResponse(answer, admitted);
  },
};

function isolateOf(env: Environment): Isolate | undefined {
  const known = isolates.get(env);
  if (known !== undefined) return known;
  try {
    const isolate = new Isolate(readBindings(env));
    isolates.set(env, isolate);
    return isolate;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    consoleLog.error('bindings unusable', { error: error.message });
    return undefined;
  }
}

/** Its words may name what only the owner is to know. */
function notConfigured() {
  const message = 'this mirror is not configured; its owner finds the reason in its log';
  return jsonAnswer(OCI_ERRORS.UNAVAILABLE[0], { errors: [{ code: 'UNAVAILABLE', message }] });
}
