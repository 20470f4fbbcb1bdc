// Lists of Docker Hub's web API: `{count, next, results}`, a hundred entries a page.
import { z } from 'zod';
import type { Semaphore } from '../async/semaphore.ts';
import type { Traffic } from '../observe/traffic.ts';
import type { Call } from '../oci/repository.ts';
import { errorFromAnswer } from './error-answer.ts';
import type { HubLogin } from './hub-login.ts';
import { HubPageReader } from './hub-page-reader.ts';
import type { Network } from './network.ts';
import { RemoteError } from './remote-error.ts';
import type { ResponseHeaders, SendResponse } from './send.ts';

export interface HubConnection {
  /** The configured `hubApi`: https://hub.docker.com. */
  readonly url: URL;
  readonly network: Network;
  readonly traffic: Traffic;
  /** Without it the API is asked as nobody in particular, and shows what is public. */
  readonly login?: HubLogin | undefined;
  /**
   * Nobody else has the answer, so the API's own limit is waited for: there are no more requests under way than it says
   * are left. Without turns a busy API is not waited for.
   */
  readonly turns?: Semaphore | undefined;
}

export interface HubPage<Entry> {
  readonly results: readonly Entry[];
  /** How many entries the list has in all, as it says. */
  readonly total: number;
}

interface HubList<Entry> {
  readonly first: URL;
  readonly entry: z.ZodType<Entry>;
  /** For messages: `the tags of library/nginx from the web API`. */
  readonly what: string;
}

/** Requests under way, where the API says of no limit that is near. */
export const TURNS = 8;
/** HEAD answers the same question, so a busy API is not waited for. */
const SHORT_PAUSE_MS = 3_000;
/** The API's windows are of a minute; no word of its own makes a list wait longer. */
const LONGEST_WINDOW_MS = 2 * 60_000;
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
/** Of a page that breaks off. */
const MAX_ATTEMPTS = 3;
/** A list that never ends is ended: more than any repository has. */
const MAX_PAGES = 20_000;

const frame = z.object({ count: z.number().nullish(), next: z.string().nullish(), results: z.array(z.unknown()) });

/** The pages of a list, in its order. Throws a RemoteError, with status 404 where the API knows no such list. */
export async function* hubPages<Entry>(
  connection: HubConnection,
  list: HubList<Entry>,
  call: Call,
): AsyncGenerator<HubPage<Entry>> {
  const { first } = list;
  const seen = new Set<string>([first.href]);
  for (let url = first; ;) {
    const page = await readPage(connection, list, url, call);
    if (page === undefined) return;
    yield { results: page.results, total: page.count ?? page.results.length };
    const next = page.next ? URL.parse(page.next, first.href) : null;
    // The list goes on at the same place only, and never in circles.
    if (next === null || next.origin !== first.origin || seen.has(next.href) || seen.size >= MAX_PAGES) return;
    seen.add(next.href);
    url = next;
  }
}

interface Page<Entry> {
  readonly count?: number | null | undefined;
  readonly next?: string | null | undefined;
  readonly results: readonly Entry[];
}

/** `undefined` where the list has become shorter than this page since the page before it was read. */
async function readPage<Entry>(
  connection: HubConnection,
  list: HubList<Entry>,
  url: URL,
  call: Call,
): Promise<Page<Entry> | undefined> {
  const { turns, network } = connection;
  for (let attempt = 1; ; attempt += 1) {
    using _turn = await turns?.acquire(call.signal);
    const response = await ask(connection, list, url, call);
    try {
      if (response.status === 404 && url !== list.first) {
        await response.body.discard();
        return undefined;
      }
      if (response.status !== 200) throw await errorFromAnswer(url.host, response, list.what, network.clock.now());
      const page = await readBody(response, list, url.host);
      if (turns !== undefined) await keepToLimit(turns, response.headers, network, call);
      return page;
    } catch (error) {
      const mayRepeat = error instanceof RemoteError && error.isRetryable && attempt < MAX_ATTEMPTS;
      if (!mayRepeat || response.status !== 200) throw error;
    }
  }
}

async function ask<Entry>(
  { network, traffic, login, turns }: HubConnection,
  { what }: HubList<Entry>,
  url: URL,
  call: Call,
): Promise<SendResponse> {
  const authorization = await login?.header(call);
  return await network.origin(url).exchange({
    method: 'GET',
    url,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...(authorization !== undefined && { authorization }),
    },
    kind: 'api',
    what,
    traffic,
    reach: 'configured',
    // Long lists are read as they come, and single pages of a busy API whole, within a short deadline.
    ...(turns === undefined && { longestPauseMs: SHORT_PAUSE_MS, maxBodyBytes: MAX_PAGE_BYTES }),
    signal: call.signal,
  });
}

async function readBody<Entry>(
  { body }: SendResponse,
  { entry, what }: HubList<Entry>,
  host: string,
): Promise<Page<Entry>> {
  const reader = new HubPageReader();
  const decoder = new TextDecoder();
  const results: Entry[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body.stream()) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > MAX_PAGE_BYTES) throw new SyntaxError(`it has more than ${MAX_PAGE_BYTES} bytes`);
      for (const text of reader.push(decoder.decode(chunk, { stream: true }))) {
        results.push(entry.parse(JSON.parse(text)));
      }
    }
    return { ...frame.parse(JSON.parse(reader.end() + decoder.decode())), results };
  } catch (cause) {
    if (!(cause instanceof SyntaxError) && !(cause instanceof z.ZodError)) throw cause;
    throw new RemoteError(host, 'NOT_A_REGISTRY', `answered with something that is not ${what}`, { cause });
  }
}

/** A request that is known to be refused is not sent, whichever list is next. */
async function keepToLimit(turns: Semaphore, headers: ResponseHeaders, { clock }: Network, call: Call): Promise<void> {
  const left = headers.get('x-ratelimit-remaining') ?? '';
  if (!/^\d{1,9}$/.test(left)) return;
  turns.limit = Math.min(Math.max(Number(left), 1), TURNS);
  const reset = headers.get('x-ratelimit-reset') ?? '';
  if (Number(left) > 0 || !/^\d{1,12}$/.test(reset)) return;
  await clock.sleep(Math.min(Math.max(Number(reset) * 1000 - clock.now(), 0), LONGEST_WINDOW_MS), call.signal);
}
