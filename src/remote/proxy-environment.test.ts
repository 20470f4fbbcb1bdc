// The rules of Go's net/http, which docker and containerd follow.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { proxyChoice, proxyFor, readProxyEnvironment } from './proxy-environment.ts';

const chosen = (url: string, env: Readonly<Record<string, string>>) =>
  proxyFor(new URL(url), readProxyEnvironment(env))?.name;

describe('the proxy of the environment', () => {
  test.each<[url: string, env: Record<string, string>, proxy: string | undefined]>([
    ['http://foo.com/', {}, undefined],
    ['http://foo.com/', { HTTP_PROXY: 'http://p:1' }, 'http://p:1'],
    ['http://foo.com/', { http_proxy: 'http://p:1' }, 'http://p:1'],
    ['http://foo.com/', { HTTP_PROXY: 'http://upper:1', http_proxy: 'http://lower:1' }, 'http://upper:1'],
    ['http://foo.com/', { HTTP_PROXY: '', http_proxy: 'http://p:1' }, 'http://p:1'],
    ['https://foo.com/', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['https://foo.com/', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
    ['http://foo.com/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['https://foo.com/', { ALL_PROXY: 'socks5://p:1' }, undefined],
    ['https://foo.com/', { https_proxy: '127.0.0.1:7890' }, 'http://127.0.0.1:7890'],
    ['https://foo.com/', { https_proxy: 'proxy' }, 'http://proxy:80'],
    ['https://foo.com/', { https_proxy: 'ann:pw@proxy:3128' }, 'http://proxy:3128'],
    ['https://foo.com/', { https_proxy: 'https://proxy' }, 'https://proxy:443'],
    ['https://foo.com/', { https_proxy: 'socks5://proxy' }, 'socks5://proxy:1080'],
    ['https://foo.com/', { https_proxy: 'socks5h://[::1]:7891/' }, 'socks5h://[::1]:7891'],
    ['https://localhost:5000/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['https://127.0.0.1:5000/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['https://127.9.9.9/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['https://[::1]/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['https://[::ffff:127.0.0.1]/', { HTTPS_PROXY: 'http://p:1' }, undefined],
    ['https://10.0.0.1/', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
    ['https://foo.localhost/', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1'],
  ])('%s with %j', (url, env, proxy) => {
    expect(chosen(url, env)).toBe(proxy);
  });

  test.each<[noProxy: string, direct: readonly string[], proxied: readonly string[]]>([
    ['', [], ['foo.com']],
    ['*', ['foo.com', '10.1.2.3', '[2001:db8::1]'], []],
    ['a.com, *', ['foo.com'], []],
    ['*,', ['foo.com'], []],
    ['foo.com', ['foo.com', 'foo.com:8443', 'bar.foo.com', 'FOO.com'], ['barfoo.com', 'foo.com.cn', 'foo.org']],
    ['FOO.com', ['foo.com', 'bar.foo.com'], []],
    ['.foo.com', ['bar.foo.com', 'a.b.foo.com'], ['foo.com', 'barfoo.com']],
    ['*.foo.com', ['bar.foo.com', 'a.b.foo.com'], ['foo.com', 'barfoo.com']],
    ['foo.com:8443', ['foo.com:8443', 'bar.foo.com:8443'], ['foo.com', 'foo.com:9443']],
    ['foo.com:443', ['foo.com'], ['foo.com:8443']],
    ['.foo.com:8443', ['bar.foo.com:8443'], ['bar.foo.com', 'foo.com:8443']],
    ['a.com, foo.com ,b.com', ['a.com', 'foo.com', 'b.com'], ['c.com']],
    ['a.com b.com', [], ['a.com', 'b.com']],
    [',,:80,', [], ['foo.com', 'foo.com:80']],
    ['10.1.2.3', ['10.1.2.3', '10.1.2.3:8443', '[::ffff:10.1.2.3]'], ['10.1.2.4', '110.1.2.3']],
    ['10.1.2.3:8443', ['10.1.2.3:8443'], ['10.1.2.3']],
    ['2001:db8::1', ['[2001:db8::1]', '[2001:db8:0:0::1]:8443'], ['[2001:db8::2]']],
    ['[2001:db8::1]', ['[2001:db8::1]'], ['[2001:db8::2]']],
    ['[2001:db8::1]:8443', ['[2001:db8::1]:8443'], ['[2001:db8::1]']],
    ['10.0.0.0/8', ['10.1.2.3', '10.255.255.255', '[::ffff:10.1.2.3]'], ['11.0.0.0', '[a::1]', 'ten.com']],
    ['10.20.0.0/14', ['10.20.0.1', '10.23.255.255'], ['10.24.0.0', '10.19.255.255']],
    ['192.0.2.7/32', ['192.0.2.7'], ['192.0.2.6']],
    ['0.0.0.0/0', ['8.8.8.8'], ['foo.com', '[2001:db8::1]']],
    ['2001:db8::/33', ['[2001:db8::1]', '[2001:db8:7fff::]'], ['[2001:db8:8000::]', '10.0.0.1']],
    ['::/0', ['[2001:db8::1]'], ['8.8.8.8']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3'], ['11.1.2.3']],
    ['10.0.0.0/33', [], ['10.0.0.0']],
    ['10.0.0.0/8:443', [], ['10.0.0.1']],
    ['münchen.example', ['xn--mnchen-3ya.example'], ['munchen.example']],
  ])('with NO_PROXY=%j', (noProxy, direct, proxied) => {
    const env = { HTTPS_PROXY: 'http://p:1', NO_PROXY: noProxy, no_proxy: 'foo.org' };
    const isDirect = (host: string) => chosen(`https://${host}/`, noProxy === '' ? { HTTPS_PROXY: 'p:1' } : env);
    expect(direct.filter((host) => isDirect(host) !== undefined)).toEqual([]);
    expect(proxied.filter((host) => isDirect(host) === undefined)).toEqual([]);
  });

  test('is not believed where a web server made the variables', () => {
    const env = { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://p:2', REQUEST_METHOD: 'GET' };
    expect(() => chosen('http://foo.com/', env)).toThrow('HTTP_PROXY is not to be trusted where REQUEST_METHOD is set');
    expect(() => chosen('http://localhost/', env)).toThrow('HTTP_PROXY');
    expect(chosen('https://foo.com/', env)).toBe('http://p:2');
  });

  test.each(['socks4://ann:hunter2@p:1', 'ann:hunter2@:', 'http://ann:hunter2%zz@p:1', 'http://p:1/path?hunter2'])(
    'that cannot be used is said without its login: %s',
    (https_proxy) => {
      const choose = proxyChoice(undefined, readProxyEnvironment({ https_proxy }));
      expect(() => choose(new URL('https://foo.com'))).toThrow(
        'is not asked: https_proxy names no proxy that can be used; write it as http://HOST:PORT or socks5://HOST:PORT',
      );
      expect(choose(new URL('https://localhost'))).toBeUndefined();
    },
  );
});

describe('the proxy that a person chose', () => {
  const environment = readProxyEnvironment({ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'foo.com' });

  test.each([
    ['socks5://ann:p%40w@q:9', 'https://localhost', 'socks5://q:9'],
    ['socks5://ann:p%40w@q:9', 'https://foo.com', 'socks5://q:9'],
    ['direct', 'https://bar.com', undefined],
    [undefined, 'https://bar.com', 'http://p:1'],
    [undefined, 'https://foo.com', undefined],
  ])('%s, for %s', (setting, url, name) => {
    expect(proxyChoice(setting, environment)(new URL(url))?.name).toBe(name);
  });

  test('has a login without its percent signs', () => {
    const login = { username: 'ann', password: 'p@w' };
    expect(proxyChoice('socks5://ann:p%40w@q:9', undefined)(new URL('https://foo.com'))?.login).toEqual(login);
  });
});

const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
);

test('a host, or what is below it, is reached directly once it is named', () => {
  fc.assert(
    fc.property(fc.domain(), fc.domain(), (named, other) => {
      const env = { HTTPS_PROXY: 'p:1', NO_PROXY: `x.invalid,${named}` };
      expect(chosen(`https://${named}/`, env)).toBeUndefined();
      expect(chosen(`https://www.${named}/`, env)).toBeUndefined();
      expect(chosen(`https://${other}.invalid/`, env)).toBe('http://p:1');
    }),
  );
});

test('an address is in a range when its first bits are', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }), (one, other, bits) => {
      const text = (address: number) => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
      const isLoopback = other >>> 24 === 127;
      const isInside = bits === 0 || one >>> (32 - bits) === other >>> (32 - bits);
      const env = { HTTPS_PROXY: 'p:1', NO_PROXY: `${text(one)}/${bits}` };
      expect(chosen(`https://${text(other)}/`, env)).toBe(isInside || isLoopback ? undefined : 'http://p:1');
    }),
  );
});

test('no NO_PROXY, however odd, is more than passed over', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), host, (noProxy, host) => {
      expect(['http://p:1', undefined]).toContain(
        chosen(`https://${host}/`, { HTTPS_PROXY: 'p:1', NO_PROXY: noProxy }),
      );
    }),
  );
});
