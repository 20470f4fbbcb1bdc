import { expect, test } from 'vitest';
import { type Admitted, type GateSettings, admit } from './gate.ts';

const SECRET = 'k3kf82hfk2lx9s0d';
const OPEN: GateSettings = { sharedSecret: undefined, basicLogin: undefined };

function pathOf(settings: Partial<GateSettings>, path: string, authorization?: string): string | number {
  const admitted = admit({ ...OPEN, ...settings }, { path, authorization });
  return 'status' in admitted ? admitted.status : admitted.path;
}

test('without a secret and a login everybody may go on, with the path as it is', () => {
  expect(pathOf({}, '/v2/nginx/manifests/1')).toBe('/v2/nginx/manifests/1');
});

test.each([
  [`/${SECRET}/v2/`, '/v2/'],
  [`/${SECRET}/v2/nginx/manifests/1`, '/v2/nginx/manifests/1'],
  [`/${SECRET}/ghcr.io/v2/o/app/manifests/1`, '/ghcr.io/v2/o/app/manifests/1'],
  [`/v2/${SECRET}/nginx/manifests/1`, '/v2/nginx/manifests/1'],
  [`/v2/${SECRET}/ghcr.io/o/app/manifests/1`, '/v2/ghcr.io/o/app/manifests/1'],
  ['/v2/', '/v2/'],
  ['/v2', '/v2'],
])('with the secret in it, %s is %s', (path, rest) => {
  expect(pathOf({ sharedSecret: SECRET }, path)).toBe(rest);
});

test.each([
  '/',
  '',
  '/v2/nginx/manifests/1',
  `/v2/nginx/${SECRET}/manifests/1`,
  `//${SECRET}/v2/`,
  `/${SECRET}x/v2/`,
  `/${SECRET.toUpperCase()}/v2/`,
  `/v2/%6b3kf82hfk2lx9s0d/nginx/manifests/1`,
  `/v2/nginx/manifests/1?x=/${SECRET}/`,
])('without it, %s is refused', (path) => {
  expect(pathOf({ sharedSecret: SECRET }, path)).toBe(403);
});

test('a login is sent as one, and either it or the secret will do', () => {
  const settings = { sharedSecret: SECRET, basicLogin: 'ada:pass:word' };
  expect(pathOf(settings, '/v2/x', `Basic ${btoa('ada:pass:word')}`)).toBe('/v2/x');
  expect(pathOf(settings, '/v2/x', `Basic ${btoa('ada:pass')}`)).toBe(401);
  expect(pathOf(settings, '/v2/')).toBe(401);
  expect(pathOf(settings, `/${SECRET}/v2/x`)).toBe('/v2/x');
});

test('who is led on is led by the way that he came', () => {
  const leads = [`/${SECRET}/v2/x`, `/v2/${SECRET}/x`].map((path) => {
    const admitted = admit({ ...OPEN, sharedSecret: SECRET }, { path, authorization: undefined }) as Admitted;
    return admitted.lead('/v2/x/tags/list?last=1');
  });
  expect(leads).toEqual([`/${SECRET}/v2/x/tags/list?last=1`, `/v2/${SECRET}/x/tags/list?last=1`]);
});
