import { duplexPair } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SendError } from '../../remote/send.ts';
import { type Conversation, converse } from './conversation.ts';
import { httpTunnel } from './http-tunnel.ts';
import { socks5Tunnel } from './socks5-tunnel.ts';

const TARGET = { hostname: 'reg.example.com', port: 443 };
const LOGIN = { username: 'ada', password: 'secret' };
const FIRST_BYTES = Buffer.from('the first bytes of the origin');

/** What came of it when the proxy said these bytes, in pieces that end at the cuts. */
async function hearing(conversation: Conversation, answer: Uint8Array, cuts: readonly number[]) {
  const [ours, theirs] = duplexPair();
  const talking = converse(ours, conversation, new AbortController().signal).then(
    () => 'open',
    (error: unknown) => error,
  );
  const ends = [...cuts.map((cut) => cut % (answer.byteLength + 1)), answer.byteLength].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    theirs.write(answer.subarray(start, end));
    start = end;
    await nextTurn();
  }
  theirs.end();
  const outcome = await talking;
  const rest: Buffer[] = [];
  if (outcome === 'open') for await (const chunk of ours) rest.push(chunk as Buffer);
  ours.destroy();
  return { outcome, rest: Buffer.concat(rest).toString(), said: (theirs.read() as Buffer | null) ?? Buffer.alloc(0) };
}

const cuts = fc.array(fc.nat(600), { maxLength: 12 });
const SOCKS_DOMAIN_REPLY = [5, 0, 0, 3, 4, ...Buffer.from('host'), 1, 187];
const SOCKS_IPV6_REPLY = [5, 0, 0, 4, ...Buffer.alloc(16), 1, 187];

describe('however the answers of a proxy are cut up', () => {
  test.each([
    ['a tunnel of HTTP', () => httpTunnel(TARGET, LOGIN), Buffer.from('HTTP/1.1 200 OK\r\nVia: x\r\n\r\n')],
    ['an interim answer', () => httpTunnel(TARGET, LOGIN), Buffer.from('HTTP/1.0 100 \r\n\r\nHTTP/1.0 204 \r\n\r\n')],
    ['SOCKS5 without a login', () => socks5Tunnel(TARGET, LOGIN), Buffer.from([5, 0, ...SOCKS_DOMAIN_REPLY])],
    ['SOCKS5 with a login', () => socks5Tunnel(TARGET, LOGIN), Buffer.from([5, 2, 1, 0, ...SOCKS_IPV6_REPLY])],
  ])('%s opens, and what comes behind is left for the origin', async (_, conversation, answer) => {
    await fc.assert(
      fc.asyncProperty(cuts, async (cuts) => {
        const { outcome, rest } = await hearing(conversation(), Buffer.concat([answer, FIRST_BYTES]), cuts);
        expect([outcome, rest]).toEqual(['open', FIRST_BYTES.toString()]);
      }),
    );
  });

  test('whatever bytes come, it opens or fails as a proxy, and never waits for more than came', async () => {
    const conversations = [() => httpTunnel(TARGET, undefined), () => socks5Tunnel(TARGET, LOGIN)];
    const begin = fc.constantFrom('', 'HTTP/1.1 ', '\x05\x02\x01\x00\x05', '\x05\x00\x05\x00\x00\x03');
    const bytes = fc.tuple(begin, fc.uint8Array({ maxLength: 300 }));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...conversations), bytes, cuts, async (conversation, [begin, end], cuts) => {
        const answer = Buffer.concat([Buffer.from(begin, 'latin1'), end]);
        const { outcome } = await hearing(conversation(), answer, cuts);
        if (outcome !== 'open') expect(outcome).toBeInstanceOf(SendError);
      }),
    );
  });
});

describe('what a proxy is told', () => {
  test.each([
    ['reg.example.com', 'reg.example.com:443'],
    ['192.0.2.1', '192.0.2.1:443'],
    ['2001:db8::1', '[2001:db8::1]:443'],
  ])('by HTTP, for %s, is its name and port, and the login', async (hostname, authority) => {
    const { said } = await hearing(
      httpTunnel({ hostname, port: 443 }, LOGIN),
      Buffer.from('HTTP/1.1 200 \r\n\r\n'),
      [],
    );
    expect(said.toString()).toBe(
      `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n`,
    );
  });

  test.each([
    ['reg.example.com', [3, 15, ...Buffer.from('reg.example.com')]],
    ['192.0.2.1', [1, 192, 0, 2, 1]],
    ['2001:db8::1', [4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  ])('by SOCKS5, for %s, is what kind of address it is', async (hostname, address) => {
    const answer = Buffer.from([5, 0, ...SOCKS_DOMAIN_REPLY]);
    const { said } = await hearing(socks5Tunnel({ hostname, port: 443 }, undefined), answer, []);
    expect([...said]).toEqual([5, 1, 0, 5, 1, 0, ...address, 1, 187]);
  });
});
