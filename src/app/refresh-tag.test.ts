import { expect, test } from 'vitest';
import { digestOf } from '../oci/digest.ts';
import type { HttpRequest } from '../http/distribution/request.ts';
import type { PullCall } from '../pull-through/pulled-manifests.ts';
import { PulledRepository } from '../pull-through/pulled-repository.ts';
import { UpstreamFailure } from '../pull-through/upstream-failure.ts';
import { type RefreshOptions, refreshTag } from './refresh-tag.ts';

const NOW_MS = Date.parse('2026-11-23T10:00:00Z');
const [OLD, NEW] = [digestOf('old'), digestOf('new')];
const REASON = 'registry-1.docker.io has no pulls left for us';
const REQUEST = { signal: AbortSignal.abort() } as unknown as HttpRequest;

interface World {
  /** What the tag means here. */
  readonly before?: string;
  readonly answer?: { readonly digest: string; readonly stale?: { readonly ageMs: number; readonly reason: string } };
  readonly pullsBackByMs?: number;
  readonly defaultUpstream?: string;
}

function open({ before, answer = { digest: NEW }, pullsBackByMs, defaultUpstream = 'docker.io' }: World = {}) {
  const asked: unknown[] = [];
  const manifests = {
    resolve(tag: string, { isInsistent }: PullCall) {
      asked.push({ tag, isInsistent });
      return answer;
    },
  };
  const parts = { manifests } as unknown as ConstructorParameters<typeof PulledRepository>[0];
  const options = {
    registry: {
      repository(name: string, { prefix, intent }: { readonly prefix?: string; readonly intent: string }) {
        asked.push({ name, prefix, intent });
        return prefix === 'own.example' ? {} : new PulledRepository(parts);
      },
    },
    metadata: {
      resolveTag(repository: string) {
        asked.push({ stored: repository });
        return before === undefined ? undefined : { digest: before };
      },
      tagConfirmedAt: async () => NOW_MS - 4000,
    },
    upstreams: new Map(['docker.io', 'ghcr.io'].map((name) => [name, { upstream: { registry: { pullsBackByMs } } }])),
    defaultUpstream,
    now: () => NOW_MS,
  } as unknown as RefreshOptions;
  return { asked, refresh: (text: string) => refreshTag(text, REQUEST, options) };
}

test('the upstream is asked by somebody who insists, in the name that docker gives it', async () => {
  const { asked, refresh } = open();
  expect(await refresh('nginx')).toEqual({
    reference: 'docker.io/library/nginx:latest',
    digest: NEW,
    asOf: '2026-11-23T10:00:00.000Z',
    changed: true,
  });
  expect(asked).toEqual([
    { name: 'library/nginx', prefix: 'docker.io', intent: 'read' },
    { stored: 'library/nginx' },
    { tag: 'latest', isInsistent: true },
    { stored: 'library/nginx' },
  ]);
});

test.each([
  ['ghcr.io', 'team/app', 'team/app'],
  ['docker.io', 'team/app', 'ghcr.io/team/app'],
])('with %s as default what is here of ghcr.io is found', async (defaultUpstream, name, stored) => {
  const { asked, refresh } = open({ defaultUpstream });
  expect(await refresh(`ghcr.io/${name}:1`)).toMatchObject({ reference: `ghcr.io/${name}:1` });
  expect(asked).toContainEqual({ stored });
});

test('a tag that means what it did is not changed, and was heard of when it was', async () => {
  const { refresh } = open({ before: NEW });
  expect(await refresh('nginx:1')).toMatchObject({ changed: false, asOf: '2026-11-23T09:59:56.000Z' });
  expect(await open({ before: OLD }).refresh('nginx:1')).toMatchObject({ changed: true, digest: NEW });
});

test('an older answer is none: the reason for it is the error', async () => {
  const answer = { digest: OLD, stale: { ageMs: 60_000, reason: REASON } };
  const limited = open({ before: OLD, answer, pullsBackByMs: NOW_MS + 5000 }).refresh('nginx');
  await expect(limited).rejects.toEqual(new UpstreamFailure('limited', REASON, { retryAfterMs: 5000 }));
  await expect(limited).rejects.toMatchObject({ kind: 'limited', retryAfterMs: 5000 });
  const broken = open({ before: OLD, answer }).refresh('nginx');
  await expect(broken).rejects.toMatchObject({ kind: 'broken', message: REASON });
});

test.each([
  [`nginx@${OLD}`, 'TAG_INVALID', 'has a digest, which never changes; name a tag'],
  ['own.example/team/app', 'UNSUPPORTED', 'own.example/team/app is a repository of this server itself'],
  ['Nginx', 'NAME_INVALID', 'is not a repository name'],
])('%s cannot be asked about', async (text, code, sentence) => {
  const refreshing = open().refresh(text);
  await expect(refreshing).rejects.toMatchObject({ code });
  await expect(refreshing).rejects.toThrow(sentence);
});
