import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { RepositoryDigest } from '../metadata/housekeeping.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { LastUse } from './last-use.ts';

const NGINX = parseRepositoryName('library/nginx');
const REDIS = parseRepositoryName('library/redis');
const APP = digestOf('app');
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Time that passes when the test says so. */
class SlowClock extends FakeClock {
  readonly sleepers: { readonly untilMs: number; readonly wake: () => void }[] = [];

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.sleepers.push({ untilMs: this.now() + ms, wake: resolve });
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  override advance(ms: number): void {
    super.advance(ms);
    const due = this.sleepers.filter(({ untilMs }) => untilMs <= this.now());
    for (const sleeper of due) {
      this.sleepers.splice(this.sleepers.indexOf(sleeper), 1);
      sleeper.wake();
    }
  }
}

class Writes {
  readonly written: { readonly manifests: readonly RepositoryDigest[]; readonly at: number }[] = [];
  failure: Error | undefined;

  async markUsed(manifests: readonly RepositoryDigest[], at: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.written.push({ manifests, at });
  }
}

function make({ maxIdleMs = Infinity } = {}) {
  const clock = new SlowClock();
  const metadata = new Writes();
  const lost: unknown[] = [];
  const lastUse = new LastUse({ metadata, clock, maxIdleMs, onLost: (error) => lost.push(error) });
  return { clock, metadata, lost, lastUse };
}

/** Lets go on who was just woken. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

test('all uses of a minute become one write', async () => {
  const { clock, metadata, lastUse } = make();
  for (let nth = 0; nth < 5; nth += 1) lastUse.used(NGINX, APP);
  lastUse.used(REDIS, APP);
  clock.advance(MINUTE_MS - 1);
  await settle();
  expect(metadata.written).toEqual([]);
  clock.advance(1);
  await settle();
  const manifests = [NGINX, REDIS].map((repository) => ({ repository, digest: APP }));
  expect(metadata.written).toEqual([{ manifests, at: clock.now() }]);
  clock.advance(HOUR_MS);
  await settle();
  expect(metadata.written).toHaveLength(1);
});

test.each([
  ['a tenth of the idle time', 5 * HOUR_MS, 30 * MINUTE_MS],
  ['an hour at most', 100 * HOUR_MS, HOUR_MS],
  ['an hour where nothing goes for its idleness', Infinity, HOUR_MS],
  ['a minute at least', MINUTE_MS, MINUTE_MS],
])('a manifest is marked again after %s', async (_, maxIdleMs, everyMs) => {
  const { clock, metadata, lastUse } = make({ maxIdleMs });
  lastUse.used(NGINX, APP);
  await lastUse.flush();
  clock.advance(everyMs - 1);
  lastUse.used(NGINX, APP);
  await lastUse.flush();
  expect(metadata.written).toHaveLength(1);
  clock.advance(1);
  lastUse.used(NGINX, APP);
  await lastUse.flush();
  expect(metadata.written).toHaveLength(2);
});

test('whoever disposes of it has what is due written, and is kept waiting by nothing else', async () => {
  const { clock, metadata, lastUse } = make();
  lastUse.used(NGINX, APP);
  await lastUse[Symbol.asyncDispose]();
  expect(metadata.written).toEqual([{ manifests: [{ repository: NGINX, digest: APP }], at: clock.now() }]);
});

test('a write that fails is told of, and loses no more than its uses', async () => {
  const { clock, metadata, lost, lastUse } = make();
  metadata.failure = new Error('the disk is full');
  lastUse.used(NGINX, APP);
  clock.advance(MINUTE_MS);
  await settle();
  expect(lost).toEqual([metadata.failure]);
  metadata.failure = undefined;
  lastUse.used(REDIS, APP);
  await lastUse.flush();
  expect(metadata.written).toMatchObject([{ manifests: [{ repository: REDIS }] }]);
});

test('more than can be kept is not, and is told of by the next use', async () => {
  const { metadata, lastUse } = make();
  const digests = Array.from({ length: 10_001 }, (_, nth) => digestOf(String(nth)));
  for (const digest of digests) lastUse.used(NGINX, digest);
  await lastUse.flush();
  const written = () => metadata.written.flatMap(({ manifests }) => manifests.map(({ digest }) => digest));
  expect(written()).toEqual(digests.slice(0, -1));
  expect(Math.max(...metadata.written.map(({ manifests }) => manifests.length))).toBe(500);
  for (const digest of digests) lastUse.used(NGINX, digest);
  await lastUse[Symbol.asyncDispose]();
  expect(written()).toEqual(digests);
});
