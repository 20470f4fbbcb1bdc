// A disk that fails under SQLite, as SQLite says it: below that nothing of this process can make it fail.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blob, image } from '../../../test/support/metadata/content.ts';
import { TemporaryMetadata } from '../../../test/support/metadata/temporary-metadata.ts';
import { parseRepositoryName, parseTag } from '../../oci/reference.ts';
import { UsageError } from '../../oci/usage-error.ts';
import type { MetadataStore } from '../metadata-store.ts';

const nginx = parseRepositoryName('library/nginx');
const latest = parseTag('latest');
const layer = blob('layer');
const [one, two] = [image('one', [layer]), image('two', [layer])];
const SQLITE_IOERR_WRITE = 778;
const METHODS = ['all', 'run', 'get'] as const;

let temporary: TemporaryMetadata;
let restore: () => void;
/** So many statements are carried out before one fails. */
let statementsLeft = Infinity;

beforeEach(() => {
  temporary = new TemporaryMetadata();
  using database = new DatabaseSync(':memory:');
  const prototype = Object.getPrototypeOf(database.prepare('SELECT 1')) as StatementSync;
  const originals = METHODS.map((name) => [name, prototype[name]] as const);
  for (const [name, original] of originals) {
    prototype[name] = function (this: StatementSync, ...args: never[]): never {
      statementsLeft -= 1;
      if (statementsLeft === -1) throw ioError();
      return Reflect.apply(original, this, args) as never;
    };
  }
  restore = () => {
    for (const [name, original] of originals) prototype[name] = original as never;
  };
});
afterEach(async () => {
  statementsLeft = Infinity;
  restore();
  await temporary[Symbol.asyncDispose]();
});

function ioError(): Error {
  return Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: SQLITE_IOERR_WRITE });
}

/** Fails each statement of the work in turn, with `look` after each, until there is none left to fail. */
async function failEverywhere(work: (store: MetadataStore) => Promise<unknown>, look: Look): Promise<number> {
  for (let nth = 0; ; nth += 1) {
    const store = await temporary.open();
    await store.addBlob(nginx, layer);
    await store.putManifest(nginx, one, { tags: [latest] });
    statementsLeft = nth;
    const outcome = await work(store).catch((error: unknown) => error);
    const hasFailed = statementsLeft < 0;
    statementsLeft = Infinity;
    if (!hasFailed) return nth;
    expect(outcome).toBeInstanceOf(UsageError);
    expect(String(outcome)).toMatch(/metadata\.db cannot be used \(disk I\/O error\); check its folder and its disk/);
    await look(store);
  }
}

type Look = (store: MetadataStore) => Promise<void>;

test('a push whose disk fails changes nothing, and is done as soon as it works again', async () => {
  const push = (store: MetadataStore) => store.putManifest(nginx, two, { tags: [latest] });
  const statements = await failEverywhere(push, async (store) => {
    expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: one.digest });
    expect(await store.statManifest(nginx, two.digest)).toBeUndefined();
    await push(store);
    expect(await store.resolveTag(nginx, latest)).toMatchObject({ digest: two.digest });
    await store.deleteManifest(nginx, two.digest);
  });
  expect(statements).toBeGreaterThan(5);
});

test('what every request asks says so too, and is answered when the disk works again', async () => {
  const ask = async (store: MetadataStore) => [
    await store.resolveTag(nginx, latest),
    await store.manifest(nginx, one.digest),
    await store.statBlob(nginx, layer.digest),
  ];
  const statements = await failEverywhere(ask, async (store) => {
    expect(await ask(store)).toMatchObject([{ digest: one.digest }, { digest: one.digest }, layer]);
  });
  expect(statements).toBeGreaterThan(2);
});

test('garbage that cannot be forgotten is still there, and is forgotten later', async () => {
  const garbage = blob('garbage');
  const forget = async (store: MetadataStore) => {
    await store.addBlob(nginx, garbage);
    return await store.forgetBlobs([layer.digest, garbage.digest], temporary.clock.now() + 1);
  };
  await failEverywhere(forget, async (store) => {
    expect(await forget(store)).toEqual([garbage.digest]);
    expect(await store.statBlob(nginx, garbage.digest)).toBeUndefined();
  });
});
