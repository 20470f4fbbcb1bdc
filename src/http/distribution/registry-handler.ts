import { isDigest } from '../../oci/digest.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import { AskedAddress } from './asked-address.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { listRepositories } from './catalog.ts';
import { Refusal, errorAnswer } from './errors.ts';
import type { AskedRepository, HostedRegistry, HostedRepository } from './hosted-repository.ts';
import { ManifestBodies } from './manifest-bodies.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import type { HttpHandler, HttpRequest } from './request.ts';
import { type Route, parseRoute } from './route.ts';
import { listTags } from './tags.ts';
import { appendToUpload, beginUpload, cancelUpload, finishUpload, getUpload } from './uploads.ts';

const READS = ['GET', 'HEAD'];
const PUSHES = ['POST', 'PUT', 'PATCH'];
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
  const served = { registry, bodies: new ManifestBodies() };
  return (request) => {
    let kind: Route['kind'] | undefined;
    const finish = (answer: Answer): Answer => {
      noteAnswer(request, answer);
      return { ...answer, headers: { ...EVERYWHERE, ...answer.headers }, route: kind };
    };
    const finishError = (error: unknown) => finish(errorAnswer(error));
    try {
      const { prefix, path } = splitPath(request.path, registry);
      const route = knownRoute(path);
      kind = route.kind;
      noteRoute(request, route);
      checkMethod(route, request.method, isReadOnly);
      const answer = answerRequest(served, route, { request, prefix, intent: intentOf(route, request) });
      return answer instanceof Promise ? answer.then(finish, finishError) : finish(answer);
    } catch (error) {
      return finishError(error);
    }
  };
}

/** `/ghcr.io/v2/…`: some clients can be given a path only before `/v2`. */
function splitPath(path: string, registry: HostedRegistry): { readonly prefix?: string; readonly path: string } {
  if (path.startsWith('/v2')) return { path };
  const slash = path.indexOf('/', 1);
  const prefix = path.slice(1, slash);
  const isPrefix = slash > 0 && path.startsWith('/v2', slash) && registry.isPrefix?.(prefix) === true;
  return isPrefix ? { prefix, path: path.slice(slash) } : { path };
}

/** To look after an upload, or to give it up, is a part of pushing. */
function intentOf({ kind }: Route, { method }: HttpRequest): AskedRepository['intent'] {
  if (PUSHES.includes(method) || kind === 'upload') return 'push';
  return method === 'DELETE' ? 'delete' : 'read';
}

function knownRoute(path: string): Route {
  const route = parseRoute(path);
  if (route !== undefined) return route;
  throw new Refusal(404, 'UNSUPPORTED', `"${path.slice(0, 200)}" is no endpoint of the distribution API`);
}

function noteRoute(request: HttpRequest, route: Route): void {
  if (route.kind === 'manifest') request.note?.(isDigest(route.reference) ? 'digest' : 'reference', route.reference);
  else if ('digest' in route) request.note?.('digest', route.digest);
}

/** What a tag meant, and what a body turned out to be. */
function noteAnswer(request: HttpRequest, { headers }: Answer): void {
  const { 'docker-content-digest': digest, 'oci-tag': tags } = headers;
  if (digest !== undefined) request.note?.('digest', String(digest));
  if (tags !== undefined) request.note?.('reference', String(tags));
}

interface ServedRegistry {
  readonly registry: HostedRegistry;
  readonly bodies: ManifestBodies;
}

function answerRequest(served: ServedRegistry, route: Route, asked: AskedRepository): Answer | Promise<Answer> {
  const { registry } = served;
  if (route.kind === 'ping') return ping(registry, asked);
  if (route.kind === 'catalog') return listRepositories(registry, asked.request);
  const repository = registry.repository(route.name, asked);
  return repository instanceof Promise
    ? repository.then((found) => answerBy(found, served, route, asked))
    : answerBy(repository, served, route, asked);
}

function ping(registry: HostedRegistry, asked: AskedRepository): Answer | Promise<Answer> {
  const welcome = () => jsonAnswer(200, {});
  const admitted = registry.ping?.(asked);
  return admitted instanceof Promise ? admitted.then(welcome) : welcome();
}

function answerBy(
  repository: HostedRepository,
  { bodies }: ServedRegistry,
  route: Exclude<Route, { readonly kind: 'ping' | 'catalog' }>,
  { request, prefix }: AskedRepository,
): Answer | Promise<Answer> {
  // Most requests read, and are told of no other address.
  const address = () => new AskedAddress(route.name, prefix, request);
  switch (route.kind) {
    case 'manifest':
      if (request.method === 'PUT') {
        return putManifest({ address: address(), repository, bodies }, route.reference, request);
      }
      if (request.method === 'DELETE') return deleteManifest(repository, route.reference, request);
      return getManifest(repository, route.reference, request);
    case 'blob':
      if (request.method === 'DELETE') return deleteBlob(repository, route.digest, request);
      return getBlob(repository, route.digest, request);
    case 'uploads':
      return beginUpload({ address: address(), repository }, request);
    case 'upload':
      return answerUpload({ address: address(), repository }, route.id, request);
    case 'tags':
      return listTags(repository, address(), request);
    case 'referrers':
      return listReferrers(repository, address(), route.digest, request);
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
