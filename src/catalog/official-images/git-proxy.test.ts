import { describe, expect, test } from 'vitest';
import { gitProxyVariables } from './git-proxy.ts';

const URL = 'https://github.com/docker-library/official-images.git';

/** What git and the library beneath it would read. */
function leftOf(remote: string, env: Readonly<Record<string, string>>): Readonly<Record<string, string | undefined>> {
  const left = Object.entries({ ...env, ...gitProxyVariables(remote, env) });
  return Object.fromEntries(left.filter(([, value]) => value !== undefined));
}

describe('a git that fetches', () => {
  test.each([
    ['http://p:3128', 'http://p:3128'],
    ['p:3128', 'http://p:3128'],
    ['https://p', 'https://p:443'],
    ['http://ann:a%40b%3A@p:3128', 'http://ann:a%40b%3A@p:3128'],
    ['socks5://ann:pw@p', 'socks5h://ann:pw@p:1080'],
    ['socks5h://p', 'socks5h://p:1080'],
  ])('goes through the proxy that we go through: %s', (proxy, address) => {
    const expected = { HTTPS_PROXY: undefined, https_proxy: address, http_proxy: address };
    expect(gitProxyVariables(URL, { HTTPS_PROXY: proxy })).toMatchObject(expected);
  });

  test('is not led elsewhere by variables that it would prefer', () => {
    const env = {
      HTTPS_PROXY: 'http://p:1',
      https_proxy: 'http://q:1',
      ALL_PROXY: 'http://q:1',
      all_proxy: 'http://q:1',
    };
    expect(leftOf(URL, env)).toEqual({ https_proxy: 'http://p:1', http_proxy: 'http://p:1' });
  });

  test('goes directly where NO_PROXY says so by our rules', () => {
    const env = { HTTPS_PROXY: 'http://p:1', no_proxy: 'github.com:443' };
    expect(leftOf(URL, env)).toEqual({ no_proxy: '*' });
  });

  test.each([
    [URL, { HTTP_PROXY: 'http://p:1' }],
    [URL, { ALL_PROXY: 'http://p:1' }],
    ['ssh://git@github.com/x', { HTTPS_PROXY: 'http://p:1' }],
    ['git@github.com:x/y', { HTTPS_PROXY: 'http://p:1' }],
    ['/a/bundle', { HTTPS_PROXY: 'http://p:1' }],
  ])('keeps its own ways where none of our variables is for %s', (remote, env) => {
    expect(leftOf(remote, env)).toEqual(env);
  });

  test('is told of a proxy that cannot be used', () => {
    expect(() => gitProxyVariables(URL, { HTTPS_PROXY: 'socks4://ann:hunter2@p' })).toThrow(
      /^is not asked: HTTPS_PROXY names no proxy that can be used/,
    );
  });
});
