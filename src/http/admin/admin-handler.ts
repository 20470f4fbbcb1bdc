import { OciError } from '../../oci/errors.ts';
import { type Answer, jsonAnswer } from '../distribution/answer.ts';
import { errorAnswer } from '../distribution/errors.ts';
import type { HttpHandler, HttpRequest } from '../distribution/request.ts';
import type { AdminSubject } from './admin-subject.ts';
import { answerJobs, isJobPath, methodsOfJobs } from './jobs.ts';

type Route = 'healthz' | 'readyz' | 'metrics' | 'upstreams' | 'refresh' | 'jobs';

const ROUTES: ReadonlyMap<string, Route> = new Map([
  ['/healthz', 'healthz'],
  ['/readyz', 'readyz'],
  ['/metrics', 'metrics'],
  ['/v1/upstreams', 'upstreams'],
  ['/v1/refresh', 'refresh'],
  ['/v1/jobs', 'jobs'],
]);
const PLAIN = 'text/plain; charset=utf-8';
const EVERYWHERE = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
const EXAMPLE = '/v1/refresh?reference=docker.io/library/nginx:latest';

/** Health, metrics and a few questions, on a listener of their own. There is no login: who reaches it may use it. */
export function adminHandler(subject: AdminSubject): HttpHandler {
  return async (request) => {
    const route = isJobPath(request.path) ? 'jobs' : ROUTES.get(request.path);
    if (route === undefined) return textAnswer(404, `there are ${[...ROUTES.keys()].join(', ')} here\n`);
    const methods = methodsOf(route, request.path);
    if (!methods.includes(request.method)) {
      return textAnswer(405, `only ${methods.join(' and ')} mean anything here\n`, { allow: methods.join(', ') });
    }
    try {
      return { ...(await answerRoute(route, subject, request)), route };
    } catch (error) {
      return { ...textAnswer(500, 'this failed; the log says why\n'), route, error };
    }
  };
}

async function answerRoute(route: Route, subject: AdminSubject, request: HttpRequest): Promise<Answer> {
  switch (route) {
    case 'healthz':
      return textAnswer(200, 'ok\n');
    case 'readyz': {
      const why = await subject.whyNotReady();
      return why === undefined ? textAnswer(200, 'ok\n') : textAnswer(503, `${why}\n`);
    }
    case 'metrics': {
      const { contentType, text } = await subject.metrics();
      return textAnswer(200, text, { 'content-type': contentType });
    }
    case 'upstreams':
      return jsonAnswer(200, { upstreams: subject.upstreams() }, EVERYWHERE);
    case 'refresh':
      return await checked(request, () => refresh(subject, request));
    case 'jobs':
      return await checked(request, async () => answerJobs(subject.jobs, request));
  }
}

function methodsOf(route: Route, path: string): readonly string[] {
  if (route === 'jobs') return methodsOfJobs(path);
  return route === 'refresh' ? ['POST'] : ['GET', 'HEAD'];
}

async function refresh(subject: AdminSubject, request: HttpRequest): Promise<Answer> {
  const reference = request.query.get('reference') ?? '';
  request.note?.('action', 'refresh');
  request.note?.('reference', reference);
  if (reference === '') throw new OciError('NAME_INVALID', `a reference is missing; write ${EXAMPLE}`);
  return jsonAnswer(200, await subject.refresh(reference, request));
}

/** Failures are told as the registry tells them. */
async function checked(request: HttpRequest, work: () => Promise<Answer>): Promise<Answer> {
  try {
    if (request.method === 'POST' && isOfOtherPage(request)) {
      throw new OciError('DENIED', 'a web page of another server may ask for nothing here');
    }
    const answer = await work();
    return { ...answer, headers: { ...answer.headers, ...EVERYWHERE } };
  } catch (error) {
    const answer = errorAnswer(error);
    return { ...answer, headers: { ...answer.headers, ...EVERYWHERE } };
  }
}

/** A browser on this machine reaches us, too, and says of a POST which page it comes from. */
function isOfOtherPage(request: HttpRequest): boolean {
  const origin = request.header('origin');
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== request.header('host');
}

function textAnswer(status: number, text: string, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': PLAIN, ...EVERYWHERE, ...headers },
    body: new TextEncoder().encode(text),
  };
}
