import { expect, test } from 'vitest';
import { StorageError } from '../../content/storage-error.ts';
import { DiskError } from '../../database/disk-error.ts';
import type { Answer } from './answer.ts';
import { errorAnswer } from './errors.ts';

function errorsOf({ body }: Answer): unknown {
  if (!(body instanceof Uint8Array)) throw new Error('it has no bytes');
  return JSON.parse(new TextDecoder().decode(body));
}

test.each([
  [new StorageError('STORAGE_FULL', '/data cannot take more'), 'its disk is full'],
  [new StorageError('STORAGE_FAILING', '/data cannot be used'), 'its disk cannot be used'],
  [new DiskError('DISK_FULL', '/data/metadata.db cannot grow'), 'its disk is full'],
  [new DiskError('DISK_FAILING', '/data/metadata.db cannot be used'), 'its disk cannot be used'],
  [new DiskError('FILE_BUSY', '/data/metadata.db is locked'), 'its database is busy'],
  [new DiskError('FILE_DAMAGED', '/data/metadata.db is damaged'), 'its database is damaged'],
])('what the storage refuses (%s) is unavailable for now, and only the log learns where', (error, reason) => {
  const answer = errorAnswer(error);
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': 10 }, error });
  const message = `the registry cannot do that now, as ${reason}; try again later, or tell its owner`;
  expect(errorsOf(answer)).toEqual({ errors: [{ code: 'UNAVAILABLE', message }] });
});

test('what nobody foresaw is a failure of ours, told to the log alone', () => {
  const error = new Error('a secret of the machine');
  const answer = errorAnswer(error);
  expect(answer).toMatchObject({ status: 500, error });
  expect(errorsOf(answer)).toEqual({ errors: [{ code: 'UNKNOWN', message: 'unknown error' }] });
});
