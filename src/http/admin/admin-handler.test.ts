import { describe, expect, test } from 'vitest';
import { systemClock } from '../../async/clock.ts';
import type { RequestLine } from '../exchange.ts';
import { HttpServer } from '../node.ts';
import { OciError } from '../../oci/errors.ts';
import { UpstreamFailure } from '../../pull-through/upstream-failure.ts';
import { adminHandler } from './admin-handler.ts';
import {
  type AdminSubject,
  JobRefusal,
  type JobStatus,
  type RefreshedTag,
  type UpstreamStatus,
} from './admin-subject.ts';

const HUB: UpstreamStatus = { name: 'docker.io', state: 'ok', pulls: null, mirrors: [] };
const REFRESHED: RefreshedTag = {
  reference: 'docker.io/library/nginx:latest',
  digest: 'sha256:0',
  asOf: '2026-11-23T10:00:00.000Z',
  changed: true,
};
const REFRESH = '/v1/refresh?reference=nginx';

const WELL: AdminSubject = {
  whyNotReady: async () => undefined,
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'wharf_one 1\n' }),
  upstreams: () => [HUB],
  refresh: async () => REFRESHED,
  jobs: { list: () => [], find: () => undefined, command: () => undefined },
};

async function ask(subject: Partial<AdminSubject>, path: string, method = 'GET', headers: Record<string, string> = {}) {
  const lines: RequestLine[] = [];
  await using server = await HttpServer.open({
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    handler: adminHandler({ ...WELL, ...subject }),
    clock: systemClock,
    newId: () => 'id',
    onFinished: (line) => lines.push(line),
  });
  const port = server.address.kind === 'tcp' ? server.address.port : 0;
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers });
  return { status: answer.status, text: await answer.text(), headers: answer.headers, lines };
}

test('/healthz is ok as long as somebody answers at all', async () => {
  const whyNotReady = async () => 'the disk is full';
  expect(await ask({ whyNotReady }, '/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
});

test('/readyz is ok, or 503 with the reason', async () => {
  expect(await ask({}, '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  const whyNotReady = async () => 'the disk is full';
  expect(await ask({ whyNotReady }, '/readyz')).toMatchObject({ status: 503, text: 'the disk is full\n' });
});

test('/metrics is what there is to tell, in the type that it comes in, and never from a cache', async () => {
  const { status, text, headers } = await ask({}, '/metrics');
  expect([status, text]).toEqual([200, 'wharf_one 1\n']);
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4');
  expect(headers.get('cache-control')).toBe('no-store');
});

test('a failure is a 500 whose cause only the log learns', async () => {
  const metrics = () => Promise.reject(new Error('a secret of ours'));
  const { status, text, lines } = await ask({ metrics }, '/metrics');
  expect([status, text.includes('secret')]).toEqual([500, false]);
  expect(lines).toMatchObject([{ route: 'metrics', error: { message: 'a secret of ours' } }]);
});

test('HEAD has no body, writing to what is read is refused, and there is nothing else', async () => {
  expect(await ask({}, '/healthz', 'HEAD')).toMatchObject({ status: 200, text: '' });
  const refused = await ask({}, '/v1/upstreams', 'POST');
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  for (const path of ['/', '/v2/', '/healthz/', '/Metrics', '/metrics%20', '/v1', '/v1/upstreams/']) {
    expect((await ask({}, path)).status).toBe(404);
  }
});

test('/v1/upstreams is the list of them, as JSON', async () => {
  const { status, text, headers } = await ask({}, '/v1/upstreams');
  expect([status, JSON.parse(text)]).toEqual([200, { upstreams: [HUB] }]);
  expect(headers.get('content-type')).toBe('application/json');
  expect(headers.get('cache-control')).toBe('no-store');
});

describe('POST /v1/refresh', () => {
  test('asks for the reference and tells what was found', async () => {
    const asked: string[] = [];
    const refresh: AdminSubject['refresh'] = async (reference) => {
      asked.push(reference);
      return REFRESHED;
    };
    const { status, text } = await ask({ refresh }, '/v1/refresh?reference=docker.io/library/nginx:latest', 'POST');
    expect([status, JSON.parse(text), asked]).toEqual([200, REFRESHED, ['docker.io/library/nginx:latest']]);
  });

  test.each([
    ['an unknown tag', new OciError('MANIFEST_UNKNOWN', 'docker.io has no such tag'), 404, 'MANIFEST_UNKNOWN', null],
    ['a limit', new UpstreamFailure('limited', 'no pulls', { retryAfterMs: 61_000 }), 429, 'TOOMANYREQUESTS', '61'],
    ['a failure', new UpstreamFailure('broken', 'answered 502', {}), 502, 'UNAVAILABLE', null],
  ])('tells %s as the registry does', async (_, error, status, code, retryAfter) => {
    const answer = await ask({ refresh: () => Promise.reject(error) }, REFRESH, 'POST');
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ errors: [{ code, message: error.message }] });
    expect(answer.headers.get('retry-after')).toBe(retryAfter);
  });

  test('keeps what failed here to the log', async () => {
    const refresh = () => Promise.reject(new Error('a secret of ours'));
    const { status, text, lines } = await ask({ refresh }, REFRESH, 'POST');
    expect([status, text.includes('secret')]).toEqual([500, false]);
    expect(lines).toMatchObject([{ route: 'refresh', error: { message: 'a secret of ours' } }]);
  });

  test.each(['/v1/refresh', '/v1/refresh?reference='])('says what is missing: %s', async (path) => {
    const { status, text } = await ask({}, path, 'POST');
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { errors: [{ code: 'NAME_INVALID', message: expect.stringMatching(/^a reference is missing; write \/v1/) }] },
    ]);
  });

  test('is a POST', async () => {
    const refused = await ask({}, REFRESH);
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test.each(['https://elsewhere.example', 'null', 'http://127.0.0.1:1'])(
    'is refused to a web page of %s',
    async (origin) => {
      const refresh = () => Promise.reject(new Error('this was not to be asked'));
      const { status, text } = await ask({ refresh }, REFRESH, 'POST', { origin });
      expect([status, JSON.parse(text)]).toMatchObject([403, { errors: [{ code: 'DENIED' }] }]);
    },
  );
});

describe('/v1/jobs', () => {
  const status: JobStatus = {
    name: 'library',
    schedule: '17 */6 * * *',
    timeZone: 'UTC',
    paused: false,
    running: false,
    last: null,
    next: null,
  };
  const jobs: AdminSubject['jobs'] = {
    list: () => [status],
    find: (job) => (job === 'library' ? { ...status, runs: [] } : undefined),
    command(job, command) {
      if (command === 'cancel') throw new JobRefusal('job "library" does not run');
      return job === 'library' ? { ...status, paused: command === 'pause' } : undefined;
    },
  };
  const json = async (...asked: [path: string, method?: string, headers?: Record<string, string>]) => {
    const { status: code, text } = await ask({ jobs }, ...asked);
    return [code, JSON.parse(text)] as const;
  };

  test('lists the jobs, and tells of one with its runs', async () => {
    expect(await json('/v1/jobs')).toEqual([200, { jobs: [status] }]);
    expect(await json('/v1/jobs/library')).toEqual([200, { ...status, runs: [] }]);
  });

  test('has a job do what it is told, and says why not', async () => {
    expect(await json('/v1/jobs/library/pause', 'POST')).toEqual([200, { ...status, paused: true }]);
    const error = { code: 'DENIED', message: 'job "library" does not run' };
    expect(await json('/v1/jobs/library/cancel', 'POST')).toEqual([409, { errors: [error] }]);
  });

  test('knows no other job', async () => {
    const error = { code: 'NAME_UNKNOWN', message: 'there is no job "other" in the configuration' };
    expect(await json('/v1/jobs/other')).toEqual([404, { errors: [error] }]);
    expect(await json('/v1/jobs/other/run', 'POST')).toEqual([404, { errors: [error] }]);
  });

  test('refuses other methods, other commands, and web pages of other servers', async () => {
    expect((await ask({ jobs }, '/v1/jobs/library/run')).status).toBe(405);
    expect((await ask({ jobs }, '/v1/jobs/library', 'POST')).status).toBe(405);
    for (const path of ['/v1/jobs/library/delete', '/v1/jobs/', '/v1/jobs/a%2Fb', '/v1/jobs/a/run/']) {
      expect((await ask({ jobs }, path, 'POST')).status).toBe(404);
    }
    const page = { origin: 'https://elsewhere.example' };
    expect((await json('/v1/jobs/library/run', 'POST', page))[0]).toBe(403);
  });
});
