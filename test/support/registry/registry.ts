import { OciError } from '../../../src/oci/errors.ts';
import { type Answer, emptyAnswer, jsonAnswer } from '../origin/answer.ts';
import { type Fault, Faults } from '../origin/faults.ts';
import { startOrigin } from '../origin/origin.ts';
import type { Request } from '../origin/request.ts';
import type { Content } from './content.ts';
import { countRegistryRequest, noRegistryCounts, type RegistryCounters } from './counters.ts';
import { HarborApi } from './harbor.ts';
import { type Login, type LoginParts, loginParts, neededAccess } from './login.ts';
import { MemoryContent } from './memory-content.ts';
import { answerReferrers } from './referrers.ts';
import { answerBlob, answerCatalog, answerManifest, answerTags, API_VERSION, findBlob } from './read.ts';
import { classifyRegistry, type Route, routeOf } from './route.ts';
import { Uploads } from './uploads.ts';
import { deleteManifest, putManifest } from './write-manifests.ts';

export interface RegistryOptions {
  readonly login?: Login | undefined;
  readonly faults?: readonly Fault[] | undefined;
  readonly latencyMs?: number | undefined;
  /** Whether it knows the referrers API; docker-registry does not. */
  readonly referrers?: boolean | undefined;
  /** Projects, as of a Harbor: it takes no push into others, until its API has made them. */
  readonly projects?: readonly string[] | undefined;
  readonly port?: number | undefined;
  /** Milliseconds; tokens expire by it. */
  readonly now?: (() => number) | undefined;
}

export interface Registry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly content: Content;
  readonly faults: Faults;
  readonly counters: RegistryCounters;
  /** Where it is like a Harbor. */
  readonly harbor: HarborApi | undefined;
  resetCounters(): void;
}

/** A registry in memory that takes pushes and serves them again byte for byte. */
export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const content = new MemoryContent();
  const faults = new Faults(options.faults);
  const counters = noRegistryCounts();
  const harbor = options.projects && new HarborApi(options.projects, options.login);
  const origin = await startOrigin({
    name: 'registry',
    classify: classifyRegistry,
    handle: registryHandler(content, options, harbor),
    headers: API_VERSION,
    faults,
    observe: (request, answer) => countRegistryRequest(counters, request, answer),
    latencyMs: options.latencyMs,
    port: options.port,
  });
  return {
    url: origin.url,
    content,
    faults,
    counters,
    harbor,
    resetCounters: () => Object.assign(counters, noRegistryCounts()),
    [Symbol.asyncDispose]: () => origin[Symbol.asyncDispose](),
  };
}

function registryHandler(content: MemoryContent, options: RegistryOptions, harbor: HarborApi | undefined) {
  const login = loginParts(options.login, options.now ?? Date.now);
  const parts: RegistryParts = { uploads: new Uploads(content), login };
  return async (request: Request): Promise<Answer> => {
    const ofApi = await harbor?.answer(request);
    if (ofApi !== undefined) return ofApi;
    if (request.kind === 'token' && login.tokens !== undefined) return login.tokens.answer(request);
    const route = routeOf(request.path);
    const refused = login.refusal(request, neededAccess(request.method, route));
    if (refused !== undefined) return refused;
    const lacking = harbor?.refusal(route.repository);
    if (lacking !== undefined) return lacking;
    if (route.kind === 'referrers')
      return options.referrers === true ? answerReferrers(content, route) : emptyAnswer(404);
    return await (route.kind === 'upload'
      ? answerUpload(parts, route, request)
      : answerContent(content, route, request));
  };
}

interface RegistryParts {
  readonly uploads: Uploads;
  readonly login: LoginParts;
}

function answerContent(content: MemoryContent, route: Route, request: Request): Answer | Promise<Answer> {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  switch (`${method} ${route.kind}`) {
    case 'GET ping':
      return jsonAnswer(200, {});
    case 'GET manifest':
      return answerManifest(content, route);
    case 'PUT manifest':
      return putManifest(content, route, request);
    case 'DELETE manifest':
      return deleteManifest(content, route);
    case 'GET blob':
      return answerBlob(findBlob(content, route), request);
    case 'DELETE blob':
      content.deleteBlob(route.repository, findBlob(content, route).digest);
      return emptyAnswer(202);
    case 'GET tags':
      return answerTags(content, route, request.query);
    case 'GET catalog':
      return answerCatalog(content, request.query);
    default:
      return route.kind === 'other' ? emptyAnswer(404) : unsupported(request);
  }
}

function answerUpload({ uploads, login }: RegistryParts, route: Route, request: Request): Answer | Promise<Answer> {
  const mayRead = (from: string): boolean =>
    login.refusal(request, [{ type: 'repository', name: from, actions: ['pull'] }]) === undefined;
  switch (request.method) {
    case 'POST':
      return uploads.start(route, request, mayRead);
    case 'PATCH':
      return uploads.patch(route, request);
    case 'PUT':
      return uploads.finish(route, request);
    case 'GET':
      return uploads.status(route);
    case 'DELETE':
      return uploads.cancel(route);
    default:
      return unsupported(request);
  }
}

function unsupported({ method, path }: Request): never {
  throw new OciError('UNSUPPORTED', `${method} ${path} is not supported`);
}
