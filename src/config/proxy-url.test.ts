import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseProxyUrl } from './proxy-url.ts';

describe('the URL of a proxy', () => {
  test.each([
    ['http://127.0.0.1:7890', 'http', '127.0.0.1', 7890],
    ['http://proxy', 'http', 'proxy', 80],
    ['https://proxy/', 'https', 'proxy', 443],
    ['SOCKS5://proxy', 'socks5', 'proxy', 1080],
    ['socks5h://[2001:db8::1]:7891', 'socks5', '2001:db8::1', 7891],
  ])('%s has a kind, a host and a port', (text, kind, hostname, port) => {
    expect(parseProxyUrl(text)).toMatchObject({ kind, hostname, port, login: undefined });
  });

  test.each([
    '',
    'proxy:7890',
    'http://',
    'http://:7890',
    'http://p:0',
    'http://p:70000',
    'http://p/path',
    'http://p?x',
    'http://p#x',
    'http://a b',
    'http://ann:%zz@p',
    'ftp://p',
    'socks4://p',
    'socks5://:password@p',
    `socks5://ann:${'x'.repeat(256)}@p`,
  ])('is not %j', (text) => {
    expect(parseProxyUrl(text)).toBeUndefined();
  });

  test('gives its login as it was before it was written into the URL, and shows none of it', () => {
    const kind = fc.constantFrom('http', 'https', 'socks5');
    const part = fc.string({ unit: 'grapheme', minLength: 8, maxLength: 20 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(kind, part, part, (kind, username, password) => {
        const proxy = parseProxyUrl(`${kind}://${encodeURIComponent(username)}:${encodeURIComponent(password)}@p:1`);
        if (proxy === undefined && kind === 'socks5') return;
        expect(proxy).toMatchObject({ login: { username, password }, name: `${kind}://p:1` });
      }),
    );
  });
});
