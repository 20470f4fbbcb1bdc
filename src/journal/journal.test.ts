import { mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TemporaryJournal } from '../../test/support/journal/temporary-journal.ts';
import { digestOf } from '../oci/digest.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { CopiedTags } from './copied-tags.ts';
import { FileLock } from '../database/file-lock.ts';
import { MIGRATIONS } from './migrations.ts';
import type { Journal } from './journal.ts';

const repository = parseRepositoryName('library/nginx');
const digest = digestOf('nginx');
let temporary: TemporaryJournal;

beforeEach(() => {
  temporary = new TemporaryJournal();
});
afterEach(() => {
  temporary[Symbol.dispose]();
});

/** Writes rows for several pages, and says how many can be read again. */
async function fill(journal: Journal): Promise<void> {
  const checkedAt = new Date(temporary.clock.now());
  const tags = Array.from({ length: 500 }, (_, index) => parseTag(`tag-${index}`));
  await new CopiedTags(journal, 'registry.example.com').put(
    tags.map((tag) => ({ repository, tag, sourceDigest: digest, targetDigest: digest, checkedAt })),
  );
}

function rowsIn(journal: Journal): number {
  return new CopiedTags(journal, 'registry.example.com').in(repository).size;
}

async function writeAndClose(): Promise<void> {
  using journal = temporary.open();
  await fill(journal);
}

/** A journal that is partly in its file and partly still in its log, as after a kill. */
async function writeAndDie(): Promise<void> {
  using elsewhere = new TemporaryJournal();
  const journal = elsewhere.open();
  await fill(journal);
  journal.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
  journal.write(() => journal.prepare('INSERT INTO pulls (account, at) VALUES (1, 7)').run());
  mkdirSync(path.dirname(temporary.file));
  for (const suffix of ['', '-wal']) writeFileSync(temporary.file + suffix, readFileSync(elsewhere.file + suffix));
}

const namesAside = () => readdirSync(path.dirname(temporary.file)).filter((name) => name.includes('corrupt'));

test('what is written is there for the next process, and for one that has it open', async () => {
  const other = temporary.open();
  await writeAndClose();
  expect(rowsIn(other)).toBe(500);
  expect(rowsIn(temporary.open())).toBe(500);
  expect(temporary.notices).toEqual([]);
});

test('a transaction that fails leaves nothing behind, and the next one works', () => {
  const journal = temporary.open();
  const add = journal.prepare('INSERT INTO pulls (account, at) VALUES (1, ?)');
  const work = () => {
    add.run(1);
    throw new TypeError('halfway');
  };
  expect(() => journal.write(work)).toThrow('halfway');
  journal.write(() => add.run(2));
  expect(journal.prepare('SELECT at FROM pulls').all()).toEqual([{ at: 2 }]);
});

test('a statement is prepared once', () => {
  const journal = temporary.open();
  expect(journal.prepare('SELECT 1')).toBe(journal.prepare('SELECT 1'));
});

test('what a killed process had written is there', async () => {
  await writeAndDie();
  const journal = temporary.open();
  expect(rowsIn(journal)).toBe(500);
  expect(journal.prepare('SELECT at FROM pulls').all()).toEqual([{ at: 7 }]);
  expect(temporary.notices).toEqual([]);
});

test('a journal of a newer version is refused in a sentence, and left as it is', async () => {
  await writeAndClose();
  new DatabaseSync(temporary.file).exec('PRAGMA user_version = 99');
  expect(() => temporary.open()).toThrow(UsageError);
  const known = `this Wharf knows formats up to ${MIGRATIONS.length}; use the`;
  expect(() => temporary.open()).toThrow(new RegExp(`journal\\.db has format 99, and ${known}`));
  expect(namesAside()).toEqual([]);
});

describe('a damaged journal is moved aside, said, and begun anew:', () => {
  const SIZE = 100 * 1024;
  const damages: Record<string, (file: string) => void> = {
    garbage: (file) => writeFileSync(file, 'no database '.repeat(5000)),
    'cut in a page': (file) => truncateSync(file, 10_000),
    'cut between pages': (file) => truncateSync(file, 4096 * 5),
    'zeroes in the middle': (file) => overwrite(file, 4096 * 3, Buffer.alloc(4096 * 4)),
    'another program’s file': (file) => writeFileSync(file, '<!doctype html>'.padEnd(SIZE)),
  };

  test.each(Object.entries(damages))('%s', async (_, damage) => {
    await writeAndClose();
    damage(temporary.file);
    const journal = temporary.open();
    expect(rowsIn(journal)).toBe(0);
    await fill(journal);
    expect(rowsIn(journal)).toBe(500);
    expect(namesAside()).toEqual(['journal.db.corrupt-20261123T100000.000Z']);
    expect(temporary.notices).toEqual([
      expect.stringMatching(
        /journal\.db was damaged \(.+\); it is now .+\.corrupt-20261123T100000\.000Z, and a new one/,
      ),
    ]);
  });

  test('who still has it open disturbs nobody', async () => {
    const holder = temporary.open();
    await fill(holder);
    holder.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    overwrite(temporary.file, 4096 * 11, Buffer.alloc(4096 * 4));
    const journal = temporary.open();
    await fill(journal);
    holder[Symbol.dispose]();
    expect(rowsIn(journal)).toBe(500);
    expect(rowsIn(temporary.open())).toBe(500);
    const aside = 'journal.db.corrupt-20261123T100000.000Z';
    expect(namesAside().toSorted()).toEqual([aside, `${aside}-shm`, `${aside}-wal`]);
    expect(temporary.notices).toHaveLength(1);
  });
});

test.each(['', 'x'])('a file too short to hold anything is a new journal: "%s"', (content) => {
  mkdirSync(path.dirname(temporary.file));
  writeFileSync(temporary.file, content);
  expect(rowsIn(temporary.open())).toBe(0);
  expect(temporary.notices).toEqual([]);
});

test('a log of garbage, or of a journal that is gone, is passed over', async () => {
  await writeAndClose();
  writeFileSync(`${temporary.file}-wal`, 'garbage '.repeat(1000));
  writeFileSync(`${temporary.file}-shm`, 'garbage '.repeat(5000));
  expect(rowsIn(temporary.open())).toBe(500);

  using other = new TemporaryJournal();
  mkdirSync(path.dirname(other.file));
  writeFileSync(`${other.file}-wal`, 'garbage '.repeat(1000));
  expect(rowsIn(other.open())).toBe(0);
  expect([...temporary.notices, ...other.notices]).toEqual([]);
});

test('wherever a journal or its log is cut or overwritten, opening it gives one that works', async () => {
  await writeAndDie();
  const sound = ['', '-wal'].map((suffix) => readFileSync(temporary.file + suffix));
  for (let round = 0; round < 60; round += 1) {
    using damaged = new TemporaryJournal();
    mkdirSync(path.dirname(damaged.file));
    for (const [index, suffix] of ['', '-wal'].entries()) {
      const bytes = Buffer.from(sound[index]!);
      const at = Math.floor((bytes.length * ((round * 37) % 60)) / 60);
      if (round % 2 === index) bytes.fill(round, at, at + 50);
      writeFileSync(damaged.file + suffix, round % 3 === 0 ? bytes.subarray(0, at) : bytes);
    }
    const journal = damaged.open();
    expect(rowsIn(journal)).toBeLessThanOrEqual(500);
    await fill(journal);
    expect(rowsIn(journal)).toBe(500);
  }
});

describe('what a person has to change is said with the path:', () => {
  test('a folder that is none', () => {
    writeFileSync(path.dirname(temporary.file), '');
    expect(() => temporary.open()).toThrow(UsageError);
    expect(() => temporary.open()).toThrow(/journal-v1\/journal\.db cannot be used \(EEXIST\); check its folder/);
  });

  test('a file that cannot be opened', () => {
    mkdirSync(temporary.file, { recursive: true });
    expect(() => temporary.open()).toThrow(UsageError);
    expect(() => temporary.open()).toThrow(/journal\.db cannot be used \(unable to open database file\)/);
  });

  test('a disk that is full', () => {
    const journal = temporary.open();
    journal.prepare('PRAGMA max_page_count = 1').get();
    const fillUp = () => journal.prepare('INSERT INTO running_jobs VALUES (?, 1, 1)').run('x'.repeat(1_000_000));
    expect(() => journal.write(fillUp)).toThrow(UsageError);
    expect(() => journal.write(fillUp)).toThrow(/journal\.db cannot grow, as the disk is full; free some space/);
    expect(() => journal.write(() => undefined)).not.toThrow();
  });

  test('a file that may not be written', () => {
    const journal = temporary.open();
    journal.prepare('PRAGMA query_only = ON').run();
    expect(() => journal.write(() => journal.prepare('DELETE FROM pulls').run())).toThrow(/readonly|read-only/);
  });
});

test('a lock of the system is for one holder, also when its file holds garbage', () => {
  const file = path.join(temporary.dataFolder, 'x.lock');
  writeFileSync(file, 'garbage '.repeat(1000));
  using first = FileLock.take(file);
  expect(first).toBeDefined();
  expect(FileLock.take(file)).toBeUndefined();
  first?.[Symbol.dispose]();
  using second = FileLock.take(file);
  expect(second).toBeDefined();
});

function overwrite(file: string, at: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, at);
  writeFileSync(file, content);
}
