import { expect, test } from 'vitest';
import { builtInRatePerSecond } from './built-in-upstreams.ts';

test.each([
  ['registry-1.docker.io', false, 10],
  ['hub.docker.com', false, 2.5],
  ['public.ecr.aws', false, 1],
  ['public.ecr.aws', true, 10],
  ['ghcr.io', false, undefined],
])('%s with a login: %s bears %s requests a second', (host, hasLogin, ratePerSecond) => {
  expect(builtInRatePerSecond(host, hasLogin)).toBe(ratePerSecond);
});
