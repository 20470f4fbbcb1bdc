import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { RequestLine } from '../http/exchange.ts';
import { LogOutput } from './log-output.ts';
import { type LogOptions, type ServerLog, openLog } from './log.ts';

const LINE: RequestLine = {
  id: '7d0f',
  method: 'GET',
  path: '/v2/team/app/manifests/1',
  route: 'manifest',
  facts: {},
  remoteAddress: '127.0.0.1',
  status: 200,
  bytesSent: 2048,
  durationMs: 1.25,
  isComplete: true,
  isOurFault: false,
};

/** What is written while `use` has the log. */
function written(use: (log: ServerLog) => void, options: Partial<LogOptions> = {}): string {
  let text = '';
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  {
    using output = new LogOutput(stream);
    use(openLog({ format: 'json', level: 'info', output, now: () => 0, ...options }));
  }
  return text;
}

const requestOf = (line: Partial<RequestLine>, options?: Partial<LogOptions>) =>
  written((log) => log.request({ ...LINE, ...line }), options);

test('a request is a line of JSON with what is known of it', () => {
  expect(JSON.parse(requestOf({}))).toEqual({
    level: 'info',
    time: '1970-01-01T00:00:00.000Z',
    msg: 'request',
    id: '7d0f',
    method: 'GET',
    path: '/v2/team/app/manifests/1',
    route: 'manifest',
    status: 200,
    bytes: 2048,
    ms: 1.25,
    remote: '127.0.0.1',
  });
});

test('of whose and what it was, what is known', () => {
  const facts = {
    client: '192.0.2.7',
    account: 'ci',
    token: '0a1b2c3d',
    action: 'pull',
    repository: 'docker.io/library/nginx',
    reference: '1.29',
    digest: `sha256:${'a'.repeat(64)}`,
  };
  const { action, ...told } = facts;
  expect(JSON.parse(requestOf({ facts }))).toMatchObject(told);
  expect(requestOf({ facts })).not.toContain(action);
  expect(requestOf({ facts }, { format: 'text' })).toMatch(/^192\.0\.2\.7 ci "GET /);
});

test('other messages have the same form', () => {
  const text = written((log) => log.warn('not ready', { why: 'the disk is full', absent: undefined }));
  const wanted = { level: 'warn', time: '1970-01-01T00:00:00.000Z', msg: 'not ready', why: 'the disk is full' };
  expect(JSON.parse(text)).toEqual(wanted);
});

test.each(['json', 'text'] as const)('nothing is called an error that is a refusal, in %s', (format) => {
  for (const status of [400, 401, 403, 404, 405, 416, 429]) {
    const text = requestOf({ status, error: new Error('a client error') }, { format });
    expect(text).not.toMatch(/error/i);
    expect(text).toContain(String(status));
  }
});

test.each(['json', 'text'] as const)('a failure of ours is an error with its cause and stack, in %s', (format) => {
  const text = requestOf({ status: 500, isOurFault: true, error: new Error('the disk is gone') }, { format });
  expect(text).toContain('the disk is gone');
  expect(text).toContain('log.test.ts');
  if (format === 'json') expect(JSON.parse(text)).toMatchObject({ level: 'error', error: 'the disk is gone' });
});

test.each(['json', 'text'] as const)('a client that leaves is no error, but is told of, in %s', (format) => {
  const text = requestOf({ isComplete: false, error: new Error('the client closed the connection') }, { format });
  expect(text).toContain('the client closed the connection');
  expect(text).not.toContain('log.test.ts');
  if (format === 'json') expect(JSON.parse(text)).toMatchObject({ level: 'info', incomplete: true });
  else expect(text).toContain('broke off');
});

test.each(['json', 'text'] as const)(
  'whatever a client sends, a request is one short line of ASCII, in %s',
  (format) => {
    for (const path of [
      '/v2/\n{"level":"error"}',
      '/\u001b[2J\u009b31m\u202e',
      '/"\\',
      '/\ud800',
      `/${'x'.repeat(16_000)}`,
    ]) {
      const text = requestOf({ path, route: undefined, status: 404 }, { format });
      expect(text).toMatch(/^[\x20-\x7e]{1,2000}\n$/);
      if (format === 'json') expect(JSON.parse(text)).toMatchObject({ status: 404, route: 'other' });
    }
  },
);

test('what is below the level is not logged', () => {
  for (const format of ['json', 'text'] as const) {
    expect(requestOf({}, { level: 'warn', format })).toBe('');
    expect(requestOf({ status: 500, isOurFault: true }, { level: 'error', format })).not.toBe('');
    expect(written((log) => log.debug('admin request'), { format })).toBe('');
    expect(written((log) => log.warn('not ready'), { level: 'error', format })).toBe('');
  }
});

test('what others have written does nothing to a terminal', () => {
  const line = 'a\u001b[2Jb\u009b31mc\u202ed\ne\ud800';
  const text = written((log) => log.info('job output', { line }), { format: 'text' });
  expect(text).toMatch(/^job output line="[\x20-\x7e]+"\n$/);
});

test('for people a message is followed by its fields', () => {
  const text = written((log) => log.warn('not ready', { why: 'the disk is full', code: 5 }), { format: 'text' });
  expect(text).toBe('not ready why="the disk is full" code=5\n');
});
