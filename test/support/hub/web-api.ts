// hub.docker.com's web API, both its present paths and the old ones that still answer.
import { randomUUID } from 'node:crypto';
import { type Answer, errorAnswer, jsonAnswer, withHeaders } from '../origin/answer.ts';
import { type Request, readBody } from '../origin/request.ts';
import type { Account } from '../registry/token-service.ts';
import type { HubContent } from './hub-content.ts';
import type { HubRepository } from './hub-repository.ts';
import { RollingWindow } from './rolling-window.ts';
import { repositoryEntry, tagEntry } from './tag-entry.ts';

export interface WebApiOptions {
  readonly content: HubContent;
  readonly isPublic: (repository: string) => boolean;
  readonly limitPerMinute: number;
  /** Who may log in, and then sees private repositories too. */
  readonly accounts?: readonly Account[] | undefined;
  readonly now: () => number;
}

/** Where `logIn` answers; `answer` knows no such path. */
export const HUB_LOGIN_PATH = '/v2/auth/token';
const TOKEN_LIFETIME_MS = 10 * 60_000;

const PATH =
  /^\/v2\/(?:namespaces\/([^/]+)\/repositories|repositories\/([^/]+))(?:\/([^/]+)(?:\/(tags)(?:\/([^/]+))?)?)?\/?$/;
const MAX_PAGE_SIZE = 100;

export class WebApi {
  readonly #options: WebApiOptions;
  readonly #calls: RollingWindow;
  /** By token, when it ends. */
  readonly #tokens = new Map<string, number>();

  constructor(options: WebApiOptions) {
    this.#options = options;
    this.#calls = new RollingWindow(60, options.now);
  }

  /** A limit of its own: not the registry's, and a 429 that names a time, not a delay. */
  answer(request: Request): Answer {
    const { limitPerMinute } = this.#options;
    const { address } = request;
    const isSpent = this.#calls.spent(address) >= limitPerMinute;
    if (!isSpent) this.#calls.spend(address);
    const reset = String(Math.ceil(this.#calls.nextReleaseAt(address) / 1000));
    const headers = {
      'x-ratelimit-limit': String(limitPerMinute),
      'x-ratelimit-remaining': String(limitPerMinute - this.#calls.spent(address)),
      'x-ratelimit-reset': reset,
    };
    if (!isSpent) return withHeaders(this.#answer(request), headers);
    const refusal = jsonAnswer(429, { detail: 'Rate limit exceeded', error: false });
    return withHeaders(refusal, { ...headers, 'x-retry-after': reset });
  }

  /** `POST /v2/auth/token` with `{identifier, secret}`. */
  async logIn(request: Request): Promise<Answer> {
    const { accounts = [], now } = this.#options;
    if (request.method !== 'POST') return errorAnswer('UNSUPPORTED');
    const { identifier, secret } = JSON.parse((await readBody(request)).toString()) as Record<string, unknown>;
    const isKnown = accounts.some(({ username, password }) => username === identifier && password === secret);
    if (!isKnown) return jsonAnswer(401, { detail: 'Incorrect authentication credentials', errinfo: {} });
    const token = randomUUID();
    this.#tokens.set(token, now() + TOKEN_LIFETIME_MS);
    return jsonAnswer(200, { access_token: token });
  }

  #answer(request: Request): Answer {
    const { authorization } = request.headers;
    const expiresAt = this.#tokens.get((authorization ?? '').replace(/^Bearer /, ''));
    const isLoggedIn = expiresAt !== undefined && expiresAt > this.#options.now();
    if (authorization !== undefined && !isLoggedIn) return jsonAnswer(401, { detail: 'Invalid token', errinfo: {} });
    const isShown = (repository: string) => isLoggedIn || this.#options.isPublic(repository);
    const [, namespace, legacyNamespace, name, tags, tag] = PATH.exec(request.path) ?? [];
    const owner = namespace ?? legacyNamespace;
    if (owner === undefined) return notFound();
    if (request.method !== 'GET' && request.method !== 'HEAD') return errorAnswer('UNSUPPORTED');
    if (name === undefined) return this.#listRepositories(owner, request, isShown);
    const fullName = `${owner}/${name}`;
    const repository = this.#options.content.repository(fullName);
    if (repository === undefined || !isShown(fullName)) return notFound();
    if (tags === undefined) return jsonAnswer(200, repositoryEntry(fullName, updatedAt(repository)));
    if (tag === undefined) return listTags(fullName, repository, request);
    const entry = tagEntry(fullName, repository, tag);
    return entry === undefined ? notFound() : jsonAnswer(200, entry);
  }

  #listRepositories(namespace: string, request: Request, isShown: (repository: string) => boolean): Answer {
    const { content } = this.#options;
    const wanted = request.query.get('name') ?? '';
    const found = content
      .repositories()
      .filter(
        (name) => name.startsWith(`${namespace}/`) && isShown(name) && name.includes(wanted, namespace.length + 1),
      )
      .map((name): Listed => ({ name, updatedAt: updatedAt(content.repository(name)) }));
    if (found.length === 0 && wanted === '') return notFound();
    return answerPage(found, request, (listed) => repositoryEntry(listed.name, listed.updatedAt));
  }
}

interface Listed {
  readonly name: string;
  readonly updatedAt: Date;
}

function listTags(fullName: string, repository: HubRepository, request: Request): Answer {
  const listed = repository.tags().map((name): Listed => ({ name, updatedAt: repository.updatedAt(name) }));
  return answerPage(listed, request, ({ name }) => tagEntry(fullName, repository, name));
}

function updatedAt(repository: HubRepository | undefined): Date {
  const times = repository?.tags().map((tag) => Number(repository.updatedAt(tag))) ?? [];
  return new Date(Math.max(0, ...times));
}

function answerPage(listed: Listed[], request: Request, entryOf: (listed: Listed) => unknown): Answer {
  const page = positive(request.query.get('page'), 1);
  const size = Math.min(positive(request.query.get('page_size'), 10), MAX_PAGE_SIZE);
  const count = listed.length;
  const start = (page - 1) * size;
  if (start > 0 && start >= count) return notFound();
  const sorted = listed.sort(byOrdering(request.query.get('ordering') ?? 'last_updated'));
  return jsonAnswer(200, {
    count,
    next: start + size < count ? pageUrl(request, page + 1) : null,
    previous: page > 1 ? pageUrl(request, page - 1) : null,
    results: sorted.slice(start, start + size).map(entryOf),
  });
}

// `last_updated` puts the newest first, as on the web site; a minus turns any order around.
function byOrdering(ordering: string): (a: Listed, b: Listed) => number {
  const sign = ordering.startsWith('-') ? -1 : 1;
  const byName = (a: Listed, b: Listed): number => (a.name < b.name ? -1 : 1);
  if (ordering.endsWith('name')) return (a, b) => sign * byName(a, b);
  return (a, b) => sign * (Number(b.updatedAt) - Number(a.updatedAt) || byName(a, b));
}

function pageUrl({ headers, path, query }: Request, page: number): string {
  const next = new URLSearchParams(query);
  next.set('page', String(page));
  return `http://${headers.host}${path}?${next.toString()}`;
}

function positive(text: string | null, fallback: number): number {
  const value = Number(text ?? fallback);
  return Number.isInteger(value) && value > 0 ? value : fallback;
}

function notFound(): Answer {
  return jsonAnswer(404, { message: 'object not found', errinfo: {} });
}
