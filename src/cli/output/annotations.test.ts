import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobReport } from '../../sync/report.ts';
import { annotation, annotationsOf } from './annotations.ts';

const counts = { wanted: 0, copied: 0, upToDate: 0, pending: 0, deferred: 0, failed: 0 };
const EMPTY: JobReport = {
  name: 'library',
  tags: counts,
  images: counts,
  sources: {},
  targets: {},
  failures: [],
  notices: [],
  budget: {},
  notMetered: [],
  seconds: 0,
};
const FAILURE = { reference: 'docker.io/library/x:1', origin: 'source', code: 'DENIED', message: 'says no' } as const;

test('a failure is an error of the run, under the name of the image', () => {
  expect(annotationsOf([{ ...EMPTY, failures: [FAILURE] }])).toBe(
    '::error title=docker.io/library/x%3A1 (source)::says no\n',
  );
});

test('what was deferred is a warning, and no failure', () => {
  expect(annotationsOf([{ ...EMPTY, tags: { ...counts, deferred: 25 } }])).toBe(
    '::warning title=library::25 tags deferred for want of pulls; the next run goes on there\n',
  );
});

test('as many are written as GitHub shows, and the last one says how many more there are', () => {
  const lines = annotationsOf([{ ...EMPTY, failures: Array.from({ length: 30 }, () => FAILURE) }]).split('\n');
  expect(lines).toHaveLength(11);
  expect(lines[9]).toContain('21 more failures');
});

test('whatever the texts are, they make one command of one line, from which GitHub reads them back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (title, message) => {
      const [, property = '', data = ''] = /^::error title=([^:,\r\n]*)::([^\r\n]*)\n$/.exec(
        annotation('error', title, message),
      ) ?? ['', 'not a command', 'not a command'];
      expect([unescaped(property), unescaped(data)]).toEqual([title, message]);
    }),
  );
});

/** As the runner does it (actions/runner, ActionCommand.cs): the percent sign comes last. */
function unescaped(text: string): string {
  return text
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n')
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%25', '%');
}
