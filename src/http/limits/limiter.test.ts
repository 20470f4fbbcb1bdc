import { expect, test } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Limiter, type UseLimits } from './limiter.ts';

const NONE: UseLimits = {
  connections: Infinity,
  requestsPerSecond: Infinity,
  bytesPerSecond: Infinity,
  uploads: Infinity,
};

function limiter({ total = {}, perClient = {} }: { total?: Partial<UseLimits>; perClient?: Partial<UseLimits> }) {
  const clock = new FakeClock();
  const options = { total: { ...NONE, ...total }, perClient: { ...NONE, ...perClient }, clock };
  return { clock, limits: new Limiter(options) };
}

test('a client has its own connections, and all have some together', () => {
  const { limits } = limiter({ total: { connections: 3 }, perClient: { connections: 2 } });
  const connect = (address: string) => limits.connect(address, false);
  const [first, second] = [connect('192.0.2.1'), connect('192.0.2.1')];
  expect(connect('192.0.2.1')).toBeUndefined();
  expect(connect('192.0.2.2')).toBeTypeOf('function');
  expect(connect('192.0.2.3')).toBeUndefined();
  first?.();
  first?.();
  expect(connect('192.0.2.1')).toBeTypeOf('function');
  expect(connect('192.0.2.1')).toBeUndefined();
  second?.();
  expect(limits.refused).toEqual({ connections: 3, requests: 0, uploads: 0 });
});

test('the connections of a proxy count only in the total', () => {
  const { limits } = limiter({ total: { connections: 2 }, perClient: { connections: 1 } });
  expect([1, 2, 3].map(() => limits.connect('192.0.2.1', true) === undefined)).toEqual([false, false, true]);
});

test('one client that asks too often does not keep others from asking', () => {
  const { limits, clock } = limiter({ perClient: { requestsPerSecond: 2 } });
  expect([1, 2, 3].map(() => limits.request('192.0.2.1'))).toEqual([0, 0, 500]);
  expect(limits.request('192.0.2.2')).toBe(0);
  clock.advance(500);
  expect(limits.request('192.0.2.1')).toBe(0);
  expect(limits.refused.requests).toBe(1);
});

test('what all send together is paced, and what each sends', () => {
  const { limits } = limiter({ total: { bytesPerSecond: 1000 }, perClient: { bytesPerSecond: 500 } });
  expect(limits.sent('192.0.2.1', 500)).toBe(0);
  expect(limits.sent('192.0.2.1', 500)).toBe(1000);
  expect(limits.sent('192.0.2.2', 500)).toBe(500);
});

test('addresses without number take bounded memory, and a client that is busy is not forgotten for them', () => {
  const { limits, clock } = limiter({ perClient: { connections: 1 } });
  expect(limits.connect('192.0.2.1', false)).toBeTypeOf('function');
  for (let index = 0; index < 30_000; index += 1) {
    clock.advance(1);
    limits.request(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  }
  expect(limits.connect('192.0.2.1', false)).toBeUndefined();
  expect(limits.clients).toBeLessThanOrEqual(10_000);
});
