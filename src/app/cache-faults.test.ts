// The bad days of the cache: what a client gets, what is stored, and how many requests it costs the upstream, for each
// fault in each phase of a pull.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CacheWorld, FRESH_FOR_MS, type Got, openCache } from '../../test/support/cache/cache-world.ts';
import {
  FAULTS,
  FAULT_NAMES,
  type FaultName,
  type FaultyHub,
  NGINX,
  startFaultyHub,
} from '../../test/support/cache/faulty-hub.ts';
import { HeldClock } from '../../test/support/cache/held-clock.ts';
import type { FaultCondition } from '../../test/support/origin/faults.ts';
import { until } from '../../test/support/programs/until.ts';

const HOUR_MS = 3_600_000;
const ANSWER_MS = 25_000;
const LIST_MS = 5_000;
const PATIENCE_MS = 3_000;

interface Phase {
  /** What is asked of the upstream then. */
  readonly when: FaultCondition;
  readonly asks: 'tag' | 'blob' | 'list';
  /** What was asked before, by a process that knows nothing yet. */
  readonly before: string;
  /** A pull that finds an old answer here comes to this phase only if the tag has moved. */
  readonly isOfMovedTag?: true;
  /** Only a process that knows nothing yet comes to it. */
  readonly isOfBeginning?: true;
  /**
   * By fault: what a client gets that has nothing here, and all that was asked then. `undefined`: there is no such case,
   * see `why`.
   */
  readonly cold: Readonly<Record<FaultName, string | undefined>>;
  readonly why?: string;
}

const NO_BODY = undefined;
/** What this phase takes no harm of. */
const plain = '200: ping, token, HEAD manifest, GET manifest';
/** Who is not told at first that there are tokens hears it when it asks for something. */
const learned = '200: ping, HEAD manifest, token, HEAD manifest, GET manifest';
const resolved = '200: HEAD manifest, GET manifest';
const PHASES: Readonly<Record<string, Phase>> = {
  'the first word': {
    when: { kind: 'ping' },
    asks: 'tag',
    before: '',
    isOfBeginning: true,
    cold: {
      'breaks the connection': '502: ping ×3',
      hangs: '504: ping',
      'is slow': plain,
      'is cut off': plain,
      'is broken off': plain,
      'has a wrong byte': plain,
      'says that it is longer': plain,
      'says that it is shorter': plain,
      'does not say how long it is': plain,
      'is a web page': learned,
      'is nonsense': plain,
      'has no end': plain,
      'is 401': learned,
      'wants a token from where nobody is': '502: ping, token ×3',
      'is 403': learned,
      'is 404': learned,
      'is 429 for a minute': '429 for 60 s: ping',
      'is 429 without a word': '429 for 5 s: ping',
      'is 429 in plain text': '429 for 5 s: ping',
      'is 500': '502: ping ×3',
      'is 503 for half a minute': '502 for 30 s: ping',
      'redirects for ever': learned,
      'redirects to where nobody is': learned,
      'redirects to the metadata of the cloud': learned,
    },
  },
  'the token': {
    when: { kind: 'token' },
    asks: 'tag',
    before: 'ping, ',
    cold: {
      'breaks the connection': '502: token ×3',
      hangs: '504: token',
      'is slow': '200: token, HEAD manifest, GET manifest',
      'is cut off': '502: token ×3',
      'is broken off': '502: token ×3',
      'has a wrong byte': '200: token, HEAD manifest, GET manifest',
      'says that it is longer': '502: token ×3',
      'says that it is shorter': '502: token',
      'does not say how long it is': '200: token, HEAD manifest, GET manifest',
      'is a web page': '502: token',
      'is nonsense': '502: token',
      'has no end': '502: token',
      'is 401': '403: token',
      'wants a token from where nobody is': '403: token',
      'is 403': '403: token',
      'is 404': '502: token',
      'is 429 for a minute': '429 for 60 s: token',
      'is 429 without a word': '429 for 5 s: token',
      'is 429 in plain text': '429 for 5 s: token',
      'is 500': '502: token ×3',
      'is 503 for half a minute': '502 for 30 s: token',
      'redirects for ever': '502: token',
      'redirects to where nobody is': '502: token',
      'redirects to the metadata of the cloud': '502: token',
    },
  },
  'what the tag means': {
    when: { kind: 'manifest', method: 'HEAD' },
    asks: 'tag',
    before: 'ping, token, ',
    cold: {
      'breaks the connection': '502: HEAD manifest ×3',
      hangs: '504: HEAD manifest',
      'is slow': resolved,
      'is cut off': NO_BODY,
      'is broken off': NO_BODY,
      'has a wrong byte': NO_BODY,
      'says that it is longer': resolved,
      'says that it is shorter': resolved,
      'does not say how long it is': resolved,
      'is a web page': '502: HEAD manifest',
      'is nonsense': NO_BODY,
      'has no end': NO_BODY,
      'is 401': '403: HEAD manifest',
      'wants a token from where nobody is': '502: HEAD manifest, token ×3',
      'is 403': '403: HEAD manifest',
      'is 404': '404: HEAD manifest',
      'is 429 for a minute': '429 for 60 s: HEAD manifest',
      'is 429 without a word': '429 for 5 s: HEAD manifest',
      'is 429 in plain text': '429 for 5 s: HEAD manifest',
      'is 500': '502: HEAD manifest ×3',
      'is 503 for half a minute': '502 for 30 s: HEAD manifest',
      'redirects for ever': '502: HEAD manifest ×6',
      'redirects to where nobody is': '502: HEAD manifest, elsewhere ×3',
      'redirects to the metadata of the cloud': '502: HEAD manifest, elsewhere',
    },
    why: 'the answer to a HEAD has no body',
  },
  'the manifest': {
    when: { kind: 'manifest', method: 'GET' },
    asks: 'tag',
    before: 'ping, token, HEAD manifest, ',
    isOfMovedTag: true,
    cold: {
      'breaks the connection': '502: GET manifest ×3',
      hangs: '504: GET manifest',
      'is slow': '200: GET manifest',
      'is cut off': '502: GET manifest ×3',
      'is broken off': '502: GET manifest ×3',
      'has a wrong byte': '502: GET manifest',
      'says that it is longer': '502: GET manifest ×3',
      'says that it is shorter': '502: GET manifest',
      'does not say how long it is': '200: GET manifest',
      'is a web page': '502: GET manifest',
      'is nonsense': '502: GET manifest',
      'has no end': '502: GET manifest',
      'is 401': '403: GET manifest',
      'wants a token from where nobody is': '502: GET manifest, token ×3',
      'is 403': '403: GET manifest',
      'is 404': '404: GET manifest',
      'is 429 for a minute': '429 for 60 s: GET manifest',
      'is 429 without a word': '429 for 5 s: GET manifest',
      'is 429 in plain text': '429 for 5 s: GET manifest',
      'is 500': '502: GET manifest ×3',
      'is 503 for half a minute': '502 for 30 s: GET manifest',
      'redirects for ever': '502: GET manifest ×6',
      'redirects to where nobody is': '502: GET manifest, elsewhere ×3',
      'redirects to the metadata of the cloud': '502: GET manifest, elsewhere',
    },
  },
  'where the blob is': {
    when: { kind: 'blob' },
    asks: 'blob',
    before: 'ping, token, ',
    cold: {
      'breaks the connection': '502: GET blob ×3',
      hangs: '504: GET blob',
      'is slow': '200: GET blob, GET CDN',
      'is cut off': NO_BODY,
      'is broken off': NO_BODY,
      'has a wrong byte': NO_BODY,
      'says that it is longer': '200: GET blob, GET CDN',
      'says that it is shorter': '200: GET blob, GET CDN',
      'does not say how long it is': '200: GET blob, GET CDN',
      'is a web page': '200 and less than all of it: GET blob',
      'is nonsense': '200: GET blob, GET CDN',
      'has no end': '200: GET blob, GET CDN',
      'is 401': '403: GET blob',
      'wants a token from where nobody is': '502: GET blob, token ×3',
      'is 403': '403: GET blob',
      'is 404': '404: GET blob',
      'is 429 for a minute': '429 for 60 s: GET blob',
      'is 429 without a word': '429 for 5 s: GET blob',
      'is 429 in plain text': '429 for 5 s: GET blob',
      'is 500': '502: GET blob ×3',
      'is 503 for half a minute': '502 for 30 s: GET blob',
      'redirects for ever': '502: GET blob ×6',
      'redirects to where nobody is': '502: GET blob, elsewhere ×3',
      'redirects to the metadata of the cloud': '502: GET blob, elsewhere',
    },
    why: 'a redirect has no body that counts',
  },
  'the blob': {
    when: { kind: 'cdn' },
    asks: 'blob',
    before: 'ping, token, ',
    cold: {
      'breaks the connection': '502: GET blob, GET CDN ×3',
      hangs: '504: GET blob, GET CDN',
      'is slow': '200: GET blob, GET CDN',
      // Eight breaks are gone on from, each where the last one was.
      'is cut off': `200 and less than all of it: ${'GET blob, GET CDN, '.repeat(9).slice(0, -2)}`,
      'is broken off': `200 and less than all of it: ${'GET blob, GET CDN, '.repeat(9).slice(0, -2)}`,
      'has a wrong byte': '200 and less than all of it: GET blob, GET CDN',
      'says that it is longer': '200 and less than all of it: GET blob, GET CDN, GET blob, GET CDN',
      'says that it is shorter': '200 and less than all of it: GET blob, GET CDN',
      'does not say how long it is': '502: GET blob, GET CDN',
      'is a web page': '200 and less than all of it: GET blob, GET CDN',
      'is nonsense': '200 and less than all of it: GET blob, GET CDN',
      'has no end': '200 and less than all of it: GET blob, GET CDN',
      'is 401': '403: GET blob, GET CDN',
      'wants a token from where nobody is': '403: GET blob, GET CDN',
      'is 403': '403: GET blob, GET CDN',
      'is 404': '404: GET blob, GET CDN',
      'is 429 for a minute': '429 for 60 s: GET blob, GET CDN',
      'is 429 without a word': '429 for 5 s: GET blob, GET CDN',
      'is 429 in plain text': '429 for 5 s: GET blob, GET CDN',
      'is 500': '502: GET blob, GET CDN ×3',
      'is 503 for half a minute': '502 for 30 s: GET blob, GET CDN',
      'redirects for ever': '502: GET blob, GET CDN ×5',
      'redirects to where nobody is': '502: GET blob, GET CDN, elsewhere ×3',
      'redirects to the metadata of the cloud': '502: GET blob, GET CDN, elsewhere',
    },
  },
  'the tag list': {
    when: { kind: 'tags' },
    asks: 'list',
    before: 'ping, token, ',
    cold: {
      'breaks the connection': '502: GET tags ×3',
      hangs: '504: GET tags',
      'is slow': '200: GET tags',
      'is cut off': '502: GET tags ×3',
      'is broken off': '502: GET tags ×3',
      // In the repository's name, which nobody reads.
      'has a wrong byte': '200: GET tags',
      'says that it is longer': '502: GET tags ×3',
      'says that it is shorter': '502: GET tags',
      'does not say how long it is': '200: GET tags',
      'is a web page': '502: GET tags',
      'is nonsense': '502: GET tags',
      'has no end': '502: GET tags',
      'is 401': '403: GET tags',
      'wants a token from where nobody is': '502: GET tags, token ×3',
      'is 403': '403: GET tags',
      'is 404': '404: GET tags',
      'is 429 for a minute': '429 for 60 s: GET tags',
      'is 429 without a word': '429 for 5 s: GET tags',
      'is 429 in plain text': '429 for 5 s: GET tags',
      'is 500': '502: GET tags ×3',
      'is 503 for half a minute': '502 for 30 s: GET tags',
      'redirects for ever': '502: GET tags ×6',
      'redirects to where nobody is': '502: GET tags, elsewhere ×3',
      'redirects to the metadata of the cloud': '502: GET tags, elsewhere',
    },
  },
};

let hub: FaultyHub;
let clock: HeldClock;
let cache: CacheWorld;
beforeAll(async () => {
  hub = await startFaultyHub({ now: () => clock.now() });
});
beforeEach(async () => {
  clock = new HeldClock();
  cache = await openCache({ url: hub.registryUrl, clock });
});
afterEach(async () => {
  hub.faults.clear();
  await cache[Symbol.asyncDispose]();
});
afterAll(() => hub[Symbol.asyncDispose]());

function pathOf(asks: Phase['asks']): string {
  if (asks === 'list') return `${NGINX}/tags/list`;
  return asks === 'tag' ? `${NGINX}/manifests/1.27` : `${NGINX}/blobs/${hub.layer().digest}`;
}

async function ask(asks: Phase['asks']): Promise<Got> {
  return await cache.ask(pathOf(asks));
}

/** Where something hangs, time passes until there is an answer. */
async function askThrough(asks: Phase['asks'], fault: FaultName): Promise<{ answer: Got; tookMs: number }> {
  const hanging = hub.hanging();
  const answer = ask(asks);
  if (fault !== 'hangs') return { answer: await answer, tookMs: 0 };
  await until(() => Promise.resolve(hub.hanging() > hanging));
  return await clock.passUntil(answer);
}

/** All is well again, and whatever was begun has come to its end. */
async function recover(): Promise<void> {
  hub.faults.clear();
  await clock.pass(ANSWER_MS);
  clock.advance(HOUR_MS);
}

function inWords({ status, headers, isBroken }: Got): string {
  const wait = headers.get('retry-after');
  const stale = headers.has('warning') ? ' of before' : '';
  return `${status}${stale}${isBroken ? ' and less than all of it' : ''}${wait === null ? '' : ` for ${wait} s`}`;
}

function expectRight(asks: Phase['asks'], answer: Got): void {
  const { body } = answer;
  expect(inWords(answer)).toBe('200');
  if (asks === 'list') expect(JSON.parse(body.toString())).toMatchObject({ tags: ['1.27', 'latest'] });
  else expect(body.equals(asks === 'tag' ? hub.index().bytes : hub.layer().bytes)).toBe(true);
}

function expectAbout(tookMs: number, expectedMs: number): void {
  expect(tookMs).toBeGreaterThanOrEqual(expectedMs);
  expect(tookMs).toBeLessThanOrEqual(expectedMs + 1_000);
}

/** Nothing of a bad answer is here, nor shown as more than it is. */
async function expectNothingStored(answer: Got): Promise<void> {
  expect(await cache.stored(NGINX, '1.27')).toBeUndefined();
  expect(await cache.storedBlobs()).toEqual([]);
  if (answer.status !== 200) expect(JSON.parse(answer.body.toString())).toMatchObject({ errors: [{}] });
  else expect(answer.body.byteLength).toBeLessThan(Number(answer.headers.get('content-length')));
}

/** What product.md says of an answer that is there and past its time. */
function whenStale(phase: Phase, cold: string): string {
  const [status = '', requests = ''] = cold.split(': ');
  const isMissing = status.startsWith('502') || status.startsWith('504') || status.startsWith('429');
  // Lists carry no warning.
  return `${isMissing ? (phase.asks === 'list' ? '200' : '200 of before') : status}: ${requests}`;
}

const cases = Object.entries(PHASES).flatMap(([name, phase]) =>
  FAULT_NAMES.flatMap((fault) => {
    const cold = phase.cold[fault];
    return cold === undefined ? [] : [{ name, phase, fault, cold }];
  }),
);

test('a case is left out for a reason alone', () => {
  const silent = Object.values(PHASES).filter(
    ({ cold, why }) => why === undefined && Object.values(cold).some((each) => each === undefined),
  );
  expect(silent).toEqual([]);
});

describe('with nothing here,', () => {
  test.each(cases)('$name $fault: $cold', async ({ phase, fault, cold }) => {
    hub.misbehave(phase.when, FAULTS[fault]);
    const { answer, tookMs } = await askThrough(phase.asks, fault);
    expect(`${inWords(answer)}: ${cache.sent.summary.replace(phase.before, '')}`).toBe(cold);
    const isRight = answer.status === 200 && !answer.isBroken;
    if (isRight) expectRight(phase.asks, answer);
    else await expectNothingStored(answer);
    if (fault === 'hangs') expectAbout(tookMs, phase.asks === 'list' ? LIST_MS : ANSWER_MS);

    cache.sent.clear();
    const again = await ask(phase.asks);
    expect(cache.sent.summary, 'nobody’s retries become the upstream’s').toBe('');
    // Who saw a body break off is told why when it asks again.
    expect(again.status).toBe(answer.isBroken ? 502 : answer.status);

    await recover();
    expectRight(phase.asks, await ask(phase.asks));
  });
});

describe('with an answer here that is past its time,', () => {
  // A digest is never out of date, so blobs have no such case.
  const dated = cases.filter(({ phase }) => phase.asks !== 'blob' && phase.isOfBeginning !== true);
  test.each(dated)('$name $fault', async ({ phase, fault, cold }) => {
    const before = await ask(phase.asks);
    const meant = await cache.stored(NGINX, '1.27');
    clock.advance(FRESH_FOR_MS + 1_000);
    if (phase.isOfMovedTag) hub.rebuild(NGINX, '1.27');
    cache.sent.clear();
    hub.misbehave(phase.when, FAULTS[fault]);
    const { answer, tookMs } = await askThrough(phase.asks, fault);
    const asked = cache.sent.summary.replace(phase.before.replace('ping, ', ''), '');
    // What has not changed need not be fetched.
    const expected = phase.isOfMovedTag ? cold : cold.replace(', GET manifest', '');
    expect(`${inWords(answer)}: ${asked}`).toBe(whenStale(phase, expected));
    const isStale = answer.status === 200 && !expected.startsWith('200');
    if (isStale) expect(answer.body.equals(before.body)).toBe(true);
    if (isStale && phase.asks === 'tag')
      expect(Number(answer.headers.get('age'))).toBeGreaterThanOrEqual(FRESH_FOR_MS / 1_000);
    if (fault === 'hangs') expectAbout(tookMs, PATIENCE_MS);
    if (isStale) expect(await cache.stored(NGINX, '1.27')).toBe(meant);

    await recover();
    expectRight(phase.asks, await ask(phase.asks));
  });
});

describe('with a fresh answer here, the upstream is not asked, though', () => {
  const everything: FaultCondition = {};
  test.each(FAULT_NAMES)('everything there %s', async (fault) => {
    for (const asks of ['tag', 'blob', 'list'] as const) await ask(asks);
    cache.sent.clear();
    hub.misbehave(everything, FAULTS[fault]);
    for (const asks of ['tag', 'blob', 'list'] as const) expectRight(asks, await ask(asks));
    expect(cache.sent.summary).toBe('');
  });
});
