// Two that share a data folder, as two processes do.
import { appendFile, chmod, writeFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bytesOf, commit, encode } from '../../../test/contract/blob-store-reading.ts';
import { readFill } from '../../../test/support/content/filling-reader.ts';
import { ScriptedSource } from '../../../test/support/content/filling-source.ts';
import { type FillingWorld, fillingWorld, overOf } from '../../../test/support/content/filling-world.ts';
import { digestOf } from '../../oci/digest.ts';
import type { Fill } from './fill.ts';
import { FillingFolder } from './filling-folder.ts';
import type { Fills } from './fills.ts';
import { ForeignFill } from './foreign-fill.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const SIGNAL = new AbortController().signal;

let world: FillingWorld;
let leader: Fills;
let follower: Fills;
let source: ScriptedSource;
/** What the follower would ask. */
let other: ScriptedSource;
let led: Fill;

beforeEach(async () => {
  world = await fillingWorld();
  leader = world.openFills();
  follower = world.openFills();
  source = new ScriptedSource(HELLO);
  other = new ScriptedSource(HELLO);
  led = (await leader.follow(DIGEST, source, SIGNAL)) as Fill;
});
afterEach(async () => {
  await leader.leave(led);
  await world[Symbol.asyncDispose]();
});

async function follow(): Promise<ForeignFill> {
  const fill = await follower.follow(DIGEST, other, SIGNAL);
  if (!(fill instanceof ForeignFill)) throw new Error('it follows nobody');
  return fill;
}

async function failureOf(reading: Promise<unknown>): Promise<string> {
  return await reading.then(
    () => 'it did not fail',
    (error: Error) => error.message,
  );
}

/** Begins one that nobody follows. */
async function begin(fills: Fills, text: string): Promise<void> {
  const fill = await fills.follow(digestOf(text), new ScriptedSource(encode(text)), SIGNAL);
  await fills.leave(fill!);
}

/** Lets the leader have so many bytes. */
async function send(count: number): Promise<void> {
  const before = HELLO.byteLength - led.leftBytes;
  source.send(count);
  await led.grownPast(Math.min(before + count, HELLO.byteLength - 1) - 1, false);
}

test('what another fetches is read as it comes, and to its end when it has hashed right', async () => {
  await send(6);
  const fill = await follow();
  expect(await follower.follow(DIGEST, other, SIGNAL)).toBe(fill);
  expect(await fill.grownPast(0, false)).toBe(6);
  await send(5);
  expect(await fill.grownPast(6, false)).toBe(10);
  const [whole, cautious] = [fill.grownPast(10, false), fill.grownPast(0, true)];
  expect(await Promise.race([whole, cautious, turn('not yet')])).toBe('not yet');
  source.end();
  expect(await Promise.all([whole, cautious])).toEqual([11, 11]);
  expect(await readFill(fill)).toEqual(Buffer.from(HELLO));
  expect(await overOf(led)).toBeUndefined();
  await Promise.all([follower.leave(fill), follower.leave(fill)]);
  expect(other.asked).toEqual([]);
  expect(await follower.follow(DIGEST, other, SIGNAL)).toBeUndefined();
});

test('nobody is followed before something came: there may be nothing', async () => {
  const answer = source.holdAnswers();
  const digest = digestOf('other');
  const leading = leader.follow(digest, source, SIGNAL);
  const leaving = new AbortController();
  const following = follower.follow(digest, other, leaving.signal);
  for (let turns = 0; turns < 50; turns += 1) await turn();
  expect([other.statCount, other.asked.length]).toEqual([0, 0]);
  source.refusal = new Error('404');
  answer();
  await expect(leading).rejects.toBe(source.refusal);
  // Then it asks its own source.
  const fill = await following;
  expect(other.asked).toEqual([0]);
  await follower.leave(fill!);
});

test('a blob that its own source does not have is not followed', async () => {
  await send(6);
  other.sizeBytes = -1;
  await expect(follower.follow(DIGEST, other, SIGNAL)).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  other.sizeBytes = 0;
  await expect(follower.follow(DIGEST, other, SIGNAL)).rejects.toThrow('is empty, which hashes to something else');
});

test('what hashes wrong fails whoever follows it, and is not read to its end', async () => {
  await send(6);
  const fill = await follow();
  const heard: Buffer[] = [];
  const reading = failureOf(readFill(fill, { onRead: (bytes) => heard.push(Buffer.from(bytes)) }));
  source.send(5, 8);
  source.end();
  expect(await reading).toMatch(/^what another process had fetched of sha256:.* is not gone on with$/);
  expect(Buffer.concat(heard).byteLength).toBeLessThan(11);
  await follower.leave(fill);
});

test('also when somebody else has brought the blob meanwhile', async () => {
  await send(6);
  const fill = await follow();
  source.send(5, 8);
  await led.grownPast(9, false);
  await commit(world.content, HELLO, DIGEST);
  const last = fill.grownPast(10, false);
  for (let turns = 0; turns < 50; turns += 1) await turn();
  source.end();
  await expect(last).rejects.toThrow('is not gone on with');
  await follower.leave(fill);
});

test('where the one who fetches ends, the follower goes on, and its readers do not notice', async () => {
  await send(6);
  const fill = await follow();
  const reading = readFill(fill);
  await fill.grownPast(5, false);
  await leader[Symbol.asyncDispose]();
  await expect.poll(() => other.asked).toEqual([5]);
  const late = (await follower.follow(DIGEST, other, SIGNAL)) as Fill;
  for (let index = 0; index < 16; index += 1) await begin(follower, `unfollowed ${index}`);
  await follower.leave(late);
  // It is followed by those who read.
  expect(late.isBroken).toBe(false);
  other.send(3);
  expect(await fill.grownPast(6, false)).toBe(8);
  other.sendRest();
  expect(await reading).toEqual(Buffer.from(HELLO));
  expect(await overOf(late)).toBeUndefined();
  await follower.leave(fill);
  expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
});

test('those who read another file than the one that is gone on with fail', async () => {
  await send(6);
  const fill = await follow();
  await fill.grownPast(5, false);
  other.mayGoOn = false;
  await leader[Symbol.asyncDispose]();
  await expect(fill.grownPast(6, false)).rejects.toThrow('is not gone on with');
  await expect(fill.grownPast(6, false)).rejects.toThrow('is not gone on with');
  // Who comes then has the other one.
  const next = await follower.follow(DIGEST, other, SIGNAL);
  other.sendRest();
  expect(await readFill(next!)).toEqual(Buffer.from(HELLO));
  await Promise.all([follower.leave(fill), follower.leave(next!)]);
});

test.each([12, 10])('a length of %d that turns out not to be its length is no whole', async (sizeBytes) => {
  await send(6);
  other.sizeBytes = sizeBytes;
  const fill = await follow();
  const reading = failureOf(readFill(fill));
  source.sendRest();
  expect(await reading).toContain(`has 11 bytes, and not ${sizeBytes}`);
  await follower.leave(fill);
});

test('a follower that leaves ends neither the fetch nor its own last look', async () => {
  await send(6);
  const fill = await follow();
  const waiting = fill.grownPast(6, false) as Promise<number>;
  await follower.leave(fill);
  await expect(waiting).rejects.toThrow();
  source.sendRest();
  expect(await overOf(led)).toBeUndefined();
});

test('the end of the follower fails its readers, and nobody else', async () => {
  await send(6);
  const fill = await follow();
  const reading = failureOf(readFill(fill));
  await follower[Symbol.asyncDispose]();
  expect(await reading).toBe('the server is stopping');
  await follower.leave(fill);
  source.sendRest();
  expect(await overOf(led)).toBeUndefined();
});

test('a blob that was brought without this file is not read in it', async () => {
  const digest = digestOf('brought');
  const bytes = encode('brought');
  const folder = new FillingFolder(world.folder.replace(/\/filling-v1$/, ''));
  const lock = folder.lock(digest);
  await writeFile(world.partOf(digest), 'br');
  const brought = new ScriptedSource(bytes);
  const fill = await follower.follow(digest, brought, SIGNAL);
  expect(await fill!.grownPast(0, false)).toBe(2);
  await appendFile(world.partOf(digest), 'o');
  expect(await fill!.grownPast(2, false)).toBe(3);
  await commit(world.content, bytes, digest);
  lock![Symbol.dispose]();
  await expect(fill!.grownPast(3, false)).rejects.toThrow('is not gone on with');
  await follower.leave(fill!);
});

test('a file that is verified is read to its end while it is not yet in its place', async () => {
  const bytes = encode('verified');
  const digest = digestOf(bytes);
  const folder = new FillingFolder(world.folder.replace(/\/filling-v1$/, ''));
  using _lock = folder.lock(digest);
  await writeFile(world.partOf(digest), bytes);
  const fill = await follower.follow(digest, new ScriptedSource(bytes), SIGNAL);
  expect(await fill!.grownPast(0, false)).toBe(7);
  await chmod(world.partOf(digest), 0o444);
  expect(await readFill(fill!)).toEqual(Buffer.from(bytes));
  await follower.leave(fill!);
});
