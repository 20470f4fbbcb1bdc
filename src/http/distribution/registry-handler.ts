import { type Answer, jsonAnswer } from './answer.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { listRepositories } from './catalog.ts';
import { Refusal, errorAnswer } from './errors.ts';
import type { HostedRegistry } from './hosted-repository.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import type { HttpHandler, HttpRequest } from './request.ts';
import { type Route, parseRoute } from './route.ts';
import { listTags } from './tags.ts';
import { appendToUpload, beginUpload, cancelUpload, finishUpload, getUpload } from './uploads.ts';

const READS = ['GET', 'HEAD'];
const METHODS: Readonly<Record<Route['kind'], readonly string[]>> = {
  ping: READS,
  catalog: READS,
  tags: READS,
  manifest: [...READS, 'PUT', 'DELETE'],
  blob: [...READS, 'DELETE'],
  uploads: ['POST'],
  upload: ['GET', 'PATCH', 'PUT', 'DELETE'],
  referrers: READS,
};

/** On every answer. Old docker clients look for the version; nobody is to take a blob for a web page. */
const EVERYWHERE = {
  'docker-distribution-api-version': 'registry/2.0',
  'x-content-type-options': 'nosniff',
};

export interface RegistryHandlerOptions {
  /** Whoever writes is answered 405. */
  readonly isReadOnly?: boolean;
}

/** The /v2 API of distribution-spec 1.1 over a registry, with the extras that docker clients rely on. */
export function registryHandler(registry: HostedRegistry, options: RegistryHandlerOptions = {}): HttpHandler {
  const isReadOnly = options.isReadOnly ?? false;
  return (request) => {
    try {
      const answer = answerRequest(registry, request, isReadOnly);
      return answer instanceof Promise ? answer.then(finish, finishError) : finish(answer);
    } catch (error) {
      return finishError(error);
    }
  };
}

function finish(answer: Answer): Answer {
  return { ...answer, headers: { ...EVERYWHERE, ...answer.headers } };
}

function finishError(error: unknown): Answer {
  return finish(errorAnswer(error));
}

function answerRequest(registry: HostedRegistry, request: HttpRequest, isReadOnly: boolean): Answer | Promise<Answer> {
  const route = parseRoute(request.path);
  if (route === undefined) {
    throw new Refusal(404, 'UNSUPPORTED', `"${request.path.slice(0, 200)}" is no endpoint of the distribution API`);
  }
  checkMethod(route, request.method, isReadOnly);
  if (route.kind === 'ping') return jsonAnswer(200, {});
  if (route.kind === 'catalog') return listRepositories(registry, request);
  const { name } = route;
  const repository = registry.repository(name);
  switch (route.kind) {
    case 'manifest':
      if (request.method === 'PUT') return putManifest(repository, name, route.reference, request);
      if (request.method === 'DELETE') return deleteManifest(repository, route.reference, request);
      return getManifest(repository, route.reference, request);
    case 'blob':
      if (request.method === 'DELETE') return deleteBlob(repository, route.digest, request);
      return getBlob(repository, route.digest, request);
    case 'uploads':
      return beginUpload({ name, repository }, request);
    case 'upload':
      return answerUpload({ name, repository }, route.id, request);
    case 'tags':
      return listTags(repository, name, request);
    case 'referrers':
      return listReferrers(repository, name, route.digest, request);
  }
}

function answerUpload(target: Parameters<typeof getUpload>[0], id: string, request: HttpRequest): Promise<Answer> {
  switch (request.method) {
    case 'PATCH':
      return appendToUpload(target, id, request);
    case 'PUT':
      return finishUpload(target, id, request);
    case 'DELETE':
      return cancelUpload(target, id, request);
    default:
      return getUpload(target, id, request);
  }
}

function checkMethod({ kind }: Route, method: string, isReadOnly: boolean): void {
  const known = METHODS[kind];
  const isUpload = kind === 'upload' || kind === 'uploads';
  const allowed = isReadOnly ? known.filter((read) => READS.includes(read) && !isUpload) : known;
  if (allowed.includes(method)) return;
  const why = known.includes(method) ? 'this registry is read-only' : `${method.slice(0, 20)} means nothing here`;
  throw new Refusal(405, 'UNSUPPORTED', why, { allow: allowed.join(', ') });
}
