import { afterEach, beforeEach, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { SeenHosts } from './seen-hosts.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

test('where an upstream sent us on to is known to other processes, each upstream by itself', () => {
  const seen = new SeenHosts(temporary.open());
  for (const host of ['cdn.example', 'blobs.example', 'cdn.example']) seen.note('docker.io', host);
  seen.note('ghcr.io', 'pkg.example');
  const elsewhere = new SeenHosts(temporary.open());
  expect(elsewhere.of('docker.io')).toEqual(['blobs.example', 'cdn.example']);
  expect(elsewhere.of('quay.io')).toEqual([]);
});

test('what was not seen for three months is forgotten, and what is seen again is not', () => {
  const seen = new SeenHosts(temporary.open());
  seen.note('docker.io', 'old.example');
  seen.note('docker.io', 'kept.example');
  temporary.clock.advance(60 * DAY_MS);
  seen.note('docker.io', 'kept.example');
  temporary.clock.advance(60 * DAY_MS);
  expect(seen.of('docker.io')).toEqual(['kept.example']);
});

test('an upstream with ever new hosts is remembered by the last fifty', () => {
  const seen = new SeenHosts(temporary.open());
  for (let index = 0; index < 200; index += 1) {
    temporary.clock.advance(1000);
    seen.note('docker.io', `n${index}.example`);
  }
  const hosts = seen.of('docker.io');
  expect([hosts.length, hosts.includes('n150.example'), hosts.includes('n149.example')]).toEqual([50, true, false]);
});
