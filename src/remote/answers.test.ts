import { expect, test } from 'vitest';
import { scriptedSend } from '../../test/support/client/scripted-send.ts';
import { errorFromAnswer } from './error-answer.ts';
import { nextLink } from './link.ts';
import { parsePullLimit } from './pull-limit.ts';
import { retryAfterMs } from './retry-after.ts';
import type { ResponseHeaders } from './send.ts';

const headers = (values: Record<string, string>): ResponseHeaders => ({
  get: (name) => values[name],
  all: (name) => (values[name] === undefined ? [] : [values[name]]),
});

test.each([
  [{ 'ratelimit-limit': '100;w=3600', 'ratelimit-remaining': '76;w=3600' }, 100, 76, 3600],
  [{ 'ratelimit-limit': '200;w=21600', 'ratelimit-remaining': '0;w=21600' }, 200, 0, 21_600],
  [{ 'ratelimit-limit': '100', 'ratelimit-remaining': '5' }, 100, 5, 21_600],
])('the pull limit is read from %j', (values, limit, remaining, windowSeconds) => {
  expect(parsePullLimit(headers(values))).toEqual({ limit, remaining, windowSeconds });
});

test('an answer without rate headers, or with nonsense in them, is not metered', () => {
  expect(parsePullLimit(headers({}))).toBeUndefined();
  expect(parsePullLimit(headers({ 'ratelimit-limit': 'lots', 'ratelimit-remaining': '-1' }))).toBeUndefined();
});

test('the pull limit names who is charged', () => {
  const values = { 'ratelimit-limit': '1', 'ratelimit-remaining': '1', 'docker-ratelimit-source': '2001:41d0:801::' };
  expect(parsePullLimit(headers(values))?.source).toBe('2001:41d0:801::');
});

const base = new URL('http://reg:5000/v2/a/tags/list?n=2');
const NOW = Date.parse('2026-11-23T10:00:00Z');

test.each([
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': 'Mon, 23 Nov 2026 10:00:07 GMT' }, 7000],
  [{ 'retry-after': 'Mon, 23 Nov 2020 10:00:07 GMT' }, 0],
  [{ 'x-retry-after': String(NOW / 1000 + 12) }, 12_000],
  [{ 'retry-after': '999999999' }, 6 * 3_600_000],
  [{ 'retry-after': 'soon' }, undefined],
  [{}, undefined],
])('%j asks for a pause of %s ms', (values, expected) => {
  expect(retryAfterMs(headers(values), NOW)).toBe(expected);
});

test.each([
  [500, '{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":"write /x/data: no space left on device"}]}'],
  [500, '{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"Enclosed":{"Op":"write","Err":28}}}]}'],
  [503, 'disk quota exceeded'],
  [507, ''],
])('a registry whose disk is full is told by %i %s', async (status, body) => {
  const { send } = scriptedSend(() => ({ status, body }));
  const request = {
    method: 'GET',
    url: base,
    headers: {},
    reach: 'public',
    headersTimeoutMs: 1,
    idleTimeoutMs: 1,
  } as const;
  expect(await errorFromAnswer('reg', await send(request), 'the blob', NOW)).toMatchObject({
    code: 'STORAGE_FULL',
    message: expect.stringMatching(/^reg has no space left for the blob/),
    isRetryable: false,
  });
});

test.each([
  ['</v2/a/tags/list?last=b&n=2>; rel="next"', 'http://reg:5000/v2/a/tags/list?last=b&n=2'],
  ['<?last=b,c&n=2>; rel=next', 'http://reg:5000/v2/a/tags/list?last=b,c&n=2'],
  ['<http://reg:5000/x>; rel="prev", <http://reg:5000/y>; title="t"; rel="next"', 'http://reg:5000/y'],
  ['<http://elsewhere/x>; rel="next"', undefined],
  ['<http://reg:5001/x>; rel="next"', undefined],
  ['<http://reg:5000/x>; rel="previous"', undefined],
  ['rel="next"', undefined],
  [undefined, undefined],
])('the link %j leads to %s', (header, expected) => {
  expect(nextLink(header, base)?.href).toBe(expected);
});
