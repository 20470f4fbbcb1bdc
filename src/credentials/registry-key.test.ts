import { expect, test } from 'vitest';
import { findEntry, keysFor, normalizeKey, serverName } from './registry-key.ts';

test.each([
  ['https://index.docker.io/v1/', 'docker.io'],
  ['index.docker.io', 'docker.io'],
  ['registry-1.docker.io', 'docker.io'],
  ['https://registry-1.docker.io/v2/', 'docker.io'],
  ['docker.io', 'docker.io'],
  ['docker.io/me', 'docker.io/me'],
  ['GHCR.io', 'ghcr.io'],
  ['http://localhost:5000', 'localhost:5000'],
  ['localhost:5000/v2/', 'localhost:5000'],
  ['https://reg.example.com/some/path', 'reg.example.com'],
  ['reg.example.com/ns/repo/', 'reg.example.com/ns/repo'],
])('the key %s means %s', (key, meaning) => {
  expect(normalizeKey(key)).toBe(meaning);
});

test('a namespace is nearer than its registry', () => {
  expect(keysFor('quay.io', 'org/team/app')).toEqual([
    'quay.io/org/team/app',
    'quay.io/org/team',
    'quay.io/org',
    'quay.io',
  ]);
  expect(keysFor('index.docker.io')).toEqual(['docker.io']);
});

test('the longest key that holds wins, and half a component never holds', () => {
  const entries = { 'quay.io': 1, 'quay.io/org': 2, 'quay.io/org/app': 3 };
  expect(findEntry(entries, 'quay.io', 'org/app')?.entry).toBe(3);
  expect(findEntry(entries, 'quay.io', 'org/application')?.entry).toBe(2);
  expect(findEntry(entries, 'quay.io', 'organisation/x')?.entry).toBe(1);
  expect(findEntry(entries, 'quay.io')?.entry).toBe(1);
  expect(findEntry({ 'quay.io/org': 2 }, 'quay.io')).toBeUndefined();
  expect(findEntry({ 'quay.io': 1 }, 'quay.io:443')).toBeUndefined();
});

test("helpers know Docker Hub by docker's old URL", () => {
  expect(serverName('docker.io')).toBe('https://index.docker.io/v1/');
  expect(serverName('https://ghcr.io/')).toBe('ghcr.io');
});
