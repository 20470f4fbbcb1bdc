import { expect, test } from 'vitest';
import { OciError } from '../oci/errors.ts';
import { RemoteError, type RemoteErrorCode } from '../remote/remote-error.ts';
import { FINDINGS, FINDING_KINDS, NoAnswer, exitCodeOf, findingOf, isLasting, worstOf } from './findings.ts';

const CASES: readonly (readonly [RemoteErrorCode, number | undefined, string, isLasting: boolean])[] = [
  ['MANIFEST_UNKNOWN', 404, 'missing', false],
  ['NAME_UNKNOWN', 404, 'missing', false],
  ['DIGEST_INVALID', undefined, 'lying', false],
  ['SIZE_INVALID', undefined, 'lying', false],
  ['PULL_LIMIT', 429, 'limited', true],
  ['PULL_LIMIT', undefined, 'limited', true],
  ['RATE_LIMIT', 429, 'limited', true],
  ['NAME_RESOLUTION', undefined, 'unreachable', true],
  ['CONNECTION_REFUSED', undefined, 'unreachable', true],
  ['TLS', undefined, 'unreachable', true],
  ['TIMEOUT', undefined, 'unreachable', true],
  ['FORBIDDEN_ADDRESS', undefined, 'unreachable', true],
  ['SERVER_ERROR', 503, 'unreachable', true],
  ['NOT_A_REGISTRY', undefined, 'unreachable', true],
  ['UNAUTHORIZED', 401, 'unreachable', true],
  ['DENIED', 403, 'unreachable', false],
];

test.each(CASES)('%s (%s) of a mirror is %s', (code, status, finding, lasting) => {
  const error = new RemoteError('mirror.example.com', code, 'did so', { status });
  expect(findingOf(error).finding).toBe(finding);
  expect(isLasting(error)).toBe(lasting);
});

test('what the store does not have is missing, what its disk changed is a lie, and no answer in time is unreachable', () => {
  expect(findingOf(new OciError('BLOB_UNKNOWN'))).toEqual({ finding: 'missing' });
  expect(findingOf(new OciError('DIGEST_INVALID', 'the bytes differ'))).toMatchObject({ finding: 'lying' });
  expect(findingOf(new NoAnswer('m gave no answer'))).toEqual({ finding: 'unreachable', detail: 'm gave no answer' });
});

test('a bug is of nobody finding', () => {
  expect(() => findingOf(new TypeError('undefined is not a function'))).toThrow(TypeError);
});

test.each([
  [['same'], 0],
  [[], 0],
  [['same', 'limited'], 3],
  [['limited', 'missing'], 1],
  [['unreachable'], 1],
] as const)('%j exits with %i', (kinds, code) => {
  expect(exitCodeOf(kinds)).toBe(code);
});

test('every finding but these two fails the run', () => {
  const passing = FINDING_KINDS.filter((kind) => FINDINGS[kind].exitCode !== 1);
  expect(passing).toEqual(['same', 'limited']);
});

test('of several findings the one that says most of the mirror is told first', () => {
  const outcomes = FINDING_KINDS.map((finding) => ({ finding }));
  expect(worstOf(outcomes)?.finding).toBe('lying');
  expect(worstOf([{ finding: 'limited' }, { finding: 'missing' }])?.finding).toBe('missing');
  expect(worstOf([])).toBeUndefined();
});
