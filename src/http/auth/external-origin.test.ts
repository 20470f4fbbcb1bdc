import { expect, test } from 'vitest';
import { AddressRanges } from '../address-ranges.ts';
import type { HttpRequest } from '../distribution/request.ts';
import { externalOrigin } from './external-origin.ts';

function originOf(
  headers: Record<string, string>,
  more: { externalUrl?: string; remoteAddress?: string } = {},
): string {
  const { externalUrl, remoteAddress = '192.0.2.1' } = more;
  const request = { remoteAddress, header: (name: string) => headers[name] } as HttpRequest;
  const isUpstreamHost = (host: string) => host === 'ghcr.mirror.example';
  return externalOrigin(request, { externalUrl, isUpstreamHost, trustedProxies: new AddressRanges(['10.0.0.1']) });
}

const HTTPS = { 'x-forwarded-proto': 'https' };

test('is what the configuration says', () => {
  const externalUrl = 'https://mirror.example/';
  expect(originOf({ host: 'evil.example' }, { externalUrl })).toBe('https://mirror.example');
  expect(originOf({}, { externalUrl })).toBe('https://mirror.example');
});

test('is the host of an upstream for its clients, as their requests mean that upstream', () => {
  const externalUrl = 'https://mirror.example';
  expect(originOf({ host: 'ghcr.mirror.example' }, { externalUrl })).toBe('https://ghcr.mirror.example');
});

test('is else what the client has sent, with the scheme that a trusted proxy saw', () => {
  expect(originOf({ host: 'mirror:5000' })).toBe('http://mirror:5000');
  expect(originOf({ host: 'mirror:5000', ...HTTPS })).toBe('http://mirror:5000');
  expect(originOf({ host: 'mirror', ...HTTPS }, { remoteAddress: '10.0.0.1' })).toBe('https://mirror');
  expect(originOf({ host: '[::1]:5000' })).toBe('http://[::1]:5000');
  expect(originOf({ host: 'mirror', 'x-forwarded-proto': 'javascript' }, { remoteAddress: '10.0.0.1' })).toBe(
    'http://mirror',
  );
});

test.each(['a"b', 'a b', 'a,realm=b', 'user@host', 'host/path', '', '-a', 'x'.repeat(300)])(
  'has no host that is none: %j',
  (host) => {
    expect(originOf({ host })).toBe('http://localhost');
  },
);
