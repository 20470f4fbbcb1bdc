import { describe, expect, test } from 'vitest';
import { type Reply, scriptedSend } from '../../test/support/client/scripted-send.ts';
import type { SendRequest } from './send.ts';
import { withoutSentSecrets } from './sent-secrets.ts';

const PASSWORD = 'pä"ss/wörd+1';
const utf8 = (text: string) => new TextEncoder().encode(text);
const BASIC = `Basic ${btoa(String.fromCharCode(...utf8(`ada:${PASSWORD}`)))}`;

/** What is left of an answer. */
async function leftOf(reply: Reply, sent: Partial<SendRequest>): Promise<string> {
  const { send } = scriptedSend(() => reply);
  const request: SendRequest = {
    method: 'GET',
    url: new URL('https://registry.test/v2/'),
    headers: {},
    reach: 'configured',
    headersTimeoutMs: 1000,
    idleTimeoutMs: 1000,
    ...sent,
  };
  const { headers, body } = withoutSentSecrets(await send(request), request);
  return `${headers.get('x-echo') ?? ''} ${new TextDecoder().decode(await body.bytes(10_000))}`;
}

function refusal(text: string): Reply {
  return { status: 403, headers: { 'x-echo': text }, body: utf8(text) };
}

describe('a refusing answer repeats no login', () => {
  test.each([
    ['the header', BASIC],
    ['the password', PASSWORD],
    ['the password in a URL', encodeURIComponent(PASSWORD)],
    ['the password in JSON', JSON.stringify({ said: PASSWORD })],
  ])('by %s', async (_, text) => {
    const left = await leftOf(refusal(text), { headers: { authorization: BASIC } });
    expect(left).toContain('(hidden)');
    expect(left).not.toContain(text.replace('Basic ', ''));
    expect(left).not.toContain('rd+1');
  });

  test('that is a token', async () => {
    const sent = { headers: { authorization: 'Bearer abc.def' } };
    expect(await leftOf(refusal('"Bearer abc.def" is no good'), sent)).toBe(
      '"Bearer (hidden)" is no good "Bearer (hidden)" is no good',
    );
  });

  test.each([
    ['application/json', JSON.stringify({ identifier: 'ada', secret: PASSWORD })],
    ['application/x-www-form-urlencoded', new URLSearchParams({ refresh_token: PASSWORD }).toString()],
  ])('that went in a body of %s', async (type, text) => {
    const sent = { headers: { 'content-type': type }, body: utf8(text) };
    expect(await leftOf(refusal(`no ${PASSWORD}`), sent)).toBe('no (hidden) no (hidden)');
  });
});

test('other answers are as they came', async () => {
  const text = `${BASIC} and more`;
  const good = { ...refusal(text), status: 200 };
  expect(await leftOf(good, { headers: { authorization: BASIC } })).toBe(`${text} ${text}`);
  expect(await leftOf(refusal('a b'), { headers: { authorization: `Basic ${btoa('ada:b')}` } })).toBe('a b a b');
  expect(await leftOf(refusal('anything'), {})).toBe('anything anything');
});
