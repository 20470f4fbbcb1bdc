import { expect, test } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { recordLog } from '../../test/support/recorded-log.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { PullLog } from './pull-log.ts';

const HUB = { upstream: 'docker.io', kind: 'manifest' } as const;
const GHCR = { upstream: 'ghcr.io', kind: 'manifest' } as const;
const REASON = 'registry-1.docker.io did not answer in time';

function open() {
  const clock = new FakeClock();
  const log = recordLog();
  return { clock, lines: log.lines, told: new PullLog({ log, clock }) };
}

test('an upstream that is stood in for is told of at once, then once a minute, and when it answers', () => {
  const { clock, lines, told } = open();
  for (let second = 0; second < 61; second += 1) {
    told.count('stale', HUB, REASON);
    clock.advance(1000);
  }
  told.count('stale', HUB, REASON);
  told.count('revalidated', HUB);
  told.count('revalidated', HUB);
  expect(lines).toEqual([
    ['warn stale served', { upstream: 'docker.io', reason: REASON, answers: 1 }],
    ['warn stale served', { upstream: 'docker.io', reason: REASON, answers: 60 }],
    ['info upstream answers again', { upstream: 'docker.io', answers: 1 }],
  ]);
});

test('one upstream says nothing of another', () => {
  const { lines, told } = open();
  told.count('stale', HUB, REASON);
  told.count('revalidated', GHCR);
  told.count('stale', GHCR, 'ghcr.io answered 502');
  expect(lines.map(([message, fields]) => [message, fields?.['upstream']])).toEqual([
    ['warn stale served', 'docker.io'],
    ['warn stale served', 'ghcr.io'],
  ]);
});

test('a miss may be a mirror’s and is no word of the upstream', () => {
  const { lines, told } = open();
  told.count('stale', HUB, REASON);
  told.count('miss', HUB);
  expect(lines).toHaveLength(1);
});

test('ordinary pulls are not told of', () => {
  const { lines, told } = open();
  for (const outcome of ['hit', 'miss', 'revalidated'] as const) told.count(outcome, HUB);
  expect(lines).toEqual([]);
});

test('what cannot be kept is told of once a minute, whoever asked for it', () => {
  const { clock, lines, told } = open();
  const full = new Error('the disk is full');
  told.notKept(parseRepositoryName('library/nginx'), full);
  told.notKept(parseRepositoryName('library/redis'), full);
  clock.advance(60_000);
  told.notKept(parseRepositoryName('library/redis'), full);
  expect(lines).toEqual([
    ['warn not kept', { repository: 'library/nginx', error: 'Error: the disk is full', times: 1 }],
    ['warn not kept', { repository: 'library/redis', error: 'Error: the disk is full', times: 2 }],
  ]);
});
