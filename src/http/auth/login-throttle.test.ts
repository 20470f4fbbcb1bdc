import { expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { LoginThrottle } from './login-throttle.ts';

const ann = (address: string) => ({ account: 'ann', address });

function failing(times: number, attempt = ann('192.0.2.1')) {
  const clock = new FakeClock();
  const throttle = new LoginThrottle(clock);
  for (let nth = 0; nth < times; nth += 1) throttle.failed(attempt);
  return { clock, throttle };
}

test('a few failures cost nothing; then each doubles the wait', () => {
  expect(failing(9).throttle.waitMs(ann('192.0.2.1'))).toBe(0);
  expect(failing(10).throttle.waitMs(ann('192.0.2.1'))).toBe(1000);
  expect(failing(12).throttle.waitMs(ann('192.0.2.1'))).toBe(4000);
});

test('an address waits at most a quarter of an hour, an account half a minute', () => {
  const { throttle } = failing(1000);
  expect(throttle.waitMs({ account: 'bob', address: '192.0.2.1' })).toBe(15 * 60_000);
  expect(throttle.waitMs(ann('192.0.2.2'))).toBe(30_000);
  expect(throttle.waitMs({ account: 'bob', address: '192.0.2.2' })).toBe(0);
});

test('the wait passes, and what was is forgotten', () => {
  const { clock, throttle } = failing(12);
  clock.advance(4000);
  expect(throttle.waitMs(ann('192.0.2.1'))).toBe(0);
  throttle.failed(ann('192.0.2.1'));
  expect(throttle.waitMs(ann('192.0.2.1'))).toBe(8000);
  clock.advance(31 * 60_000);
  throttle.failed(ann('192.0.2.1'));
  expect(throttle.waitMs(ann('192.0.2.1'))).toBe(0);
});

test('a clock that is set changes nothing', () => {
  const { clock, throttle } = failing(12);
  clock.set(86_400_000);
  expect(throttle.waitMs(ann('192.0.2.1'))).toBe(4000);
});

test('one success is good for the account, and not for whoever guesses at others', () => {
  const { throttle } = failing(12);
  throttle.succeeded(ann('192.0.2.1'));
  expect(throttle.waitMs(ann('192.0.2.2'))).toBe(0);
  expect(throttle.waitMs(ann('192.0.2.1'))).toBe(4000);
});

test('an IPv6 network is one address', () => {
  const { throttle } = failing(12, ann('2001:db8:1:2::3'));
  expect(throttle.waitMs({ account: 'bob', address: '2001:db8:1:2:ffff::1' })).toBe(4000);
  expect(throttle.waitMs({ account: 'bob', address: '2001:db8:1:3::3' })).toBe(0);
});
