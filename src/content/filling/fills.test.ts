import { open, readFile, stat } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, encode } from '../../../test/contract/blob-store-reading.ts';
import { readFill } from '../../../test/support/content/filling-reader.ts';
import { ScriptedSource } from '../../../test/support/content/filling-source.ts';
import { type FillingWorld, fillingWorld, overOf } from '../../../test/support/content/filling-world.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import type { Fill } from './fill.ts';
import type { Fills } from './fills.ts';
import type { SharedFill } from './shared-fill.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const BROKEN = new Error('the connection broke');

let world: FillingWorld;
let fills: Fills;
let source: ScriptedSource;

beforeEach(async () => {
  world = await fillingWorld();
  fills = world.openFills();
  source = new ScriptedSource(HELLO);
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

async function follow(digest: Digest = DIGEST, from: ScriptedSource = source): Promise<SharedFill> {
  const fill = await fills.follow(digest, from, new AbortController().signal);
  if (fill === undefined) throw new Error(`${digest} is here already`);
  return fill;
}

describe('a blob that is fetched', () => {
  test('is fetched once for all who come meanwhile, and kept', async () => {
    const early = await Promise.all([follow(), follow(), follow()]);
    source.send(6);
    await early[0].grownPast(5, false);
    const all = [...early, await follow()];
    expect(fills.running(DIGEST)).toBe(all[0]);
    const reading = all.map((fill) => readFill(fill));
    source.sendRest();
    for (const bytes of await Promise.all(reading)) expect(bytes).toEqual(Buffer.from(HELLO));
    expect(await overOf(all[0])).toBeUndefined();
    await Promise.all(all.map((fill) => fills.leave(fill)));
    expect(source.asked).toEqual([0]);
    expect(source.complaints).toEqual([]);
    expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
    expect(await fills.follow(DIGEST, source, new AbortController().signal)).toBeUndefined();
    expect(await world.names()).toEqual([]);
  });

  test('may be read but for its last byte until it has hashed right, then all', async () => {
    const fill = await follow();
    source.send(4);
    expect(await fill.grownPast(0, false)).toBe(4);
    source.send(7);
    expect(await fill.grownPast(4, false)).toBe(10);
    const whole = fill.grownPast(10, false);
    expect(await Promise.race([whole, turn('not yet')])).toBe('not yet');
    source.end();
    expect(await whole).toBe(11);
    // Who asks for more than there is gets what there is.
    expect(await fill.grownPast(11, false)).toBe(11);
    await fills.leave(fill);
  });

  test('may be read in parts only as far as its first bytes came from the owner', async () => {
    const fill = await follow();
    source.send(3);
    expect(await fill.grownPast(0, true)).toBe(3);
    source.isFromAuthority = false;
    source.send(3);
    expect(await fill.grownPast(3, false)).toBe(6);
    source.isFromAuthority = true;
    source.send(3);
    expect(await fill.grownPast(6, false)).toBe(9);
    const more = fill.grownPast(3, true);
    expect(await Promise.race([more, turn('not yet')])).toBe('not yet');
    source.sendRest();
    expect(await more).toBe(11);
    await fills.leave(fill);
  });

  test('waits for nobody who reads slowly, and for nobody who left', async () => {
    const [slow, gone, quick] = await Promise.all([follow(), follow(), follow()]);
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>();
    const slowly = readFill(slow, { pause: () => held });
    source.send(3);
    await gone.grownPast(0, false);
    await fills.leave(gone);
    const reading = readFill(quick);
    source.sendRest();
    expect(await reading).toEqual(Buffer.from(HELLO));
    expect(await overOf(quick)).toBeUndefined();
    await fills.leave(quick);
    goOn();
    expect(await slowly).toEqual(Buffer.from(HELLO));
    await fills.leave(slow);
  });

  test('goes on when all have left', async () => {
    const fill = await follow();
    await fills.leave(fill);
    source.sendRest();
    expect(await overOf(fill)).toBeUndefined();
    expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
  });

  test('may have a sha512 digest, and many chunks', async () => {
    const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
    const digest = digestOf(bytes, 'sha512');
    const long = new ScriptedSource(bytes);
    const fill = await follow(digest, long);
    const reading = readFill(fill);
    for (let sent = 0; sent < 290_000; sent += 10_000) long.send(10_000);
    long.sendRest();
    expect(Buffer.compare(await reading, bytes)).toBe(0);
    await overOf(fill);
    await fills.leave(fill);
    expect(Buffer.compare(await bytesOf(world.content, digest), bytes)).toBe(0);
  });

  test('may be empty', async () => {
    const nothing = digestOf('');
    const empty = new ScriptedSource(encode(''));
    const fill = await follow(nothing, empty);
    expect(fill.sizeBytes).toBe(0);
    empty.end();
    expect(await overOf(fill)).toBeUndefined();
    await fills.leave(fill);
    expect(await bytesOf(world.content, nothing)).toEqual(encode(''));
    expect(await world.names()).toEqual([]);
  });
});

describe('a blob that is not what it should be', () => {
  test.each<[string, (wrong: ScriptedSource) => void, RegExp]>([
    ['hashes wrong', (wrong) => (wrong.send(11, 3), wrong.end()), /the bytes hash to sha256:/],
    ['is too long', (wrong) => (wrong.send(11), wrong.sendMore(encode('!'))), /it has more than 11 bytes/],
    ['is too short', (wrong) => (wrong.send(9), wrong.end()), /it ended 2 bytes early/],
  ])('fails all its readers when it %s, is kept nowhere, and laid to its source', async (_, misbehave, message) => {
    const all = await Promise.all([follow(), follow()]);
    const heard: Buffer[] = [];
    const reading = all.map((fill) => readFill(fill, { onRead: (bytes) => heard.push(Buffer.from(bytes)) }));
    misbehave(source);
    for (const outcome of await Promise.allSettled(reading)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(message) } });
    }
    expect(Buffer.concat(heard).byteLength).toBeLessThan(2 * HELLO.byteLength);
    await overOf(all[0]);
    await Promise.all(all.map((fill) => fills.leave(fill)));
    expect(source.complaints).toHaveLength(1);
    expect(world.notKept).toHaveLength(1);
    expect(await world.content.stat(DIGEST)).toBeUndefined();
    expect(await world.names()).toEqual([]);
    await fetchAgain(0);
  });

  test.each([Number.NaN, -1, 0.5, 0])('is refused at once when its source says that it has %d bytes', async (size) => {
    source.sizeBytes = size;
    await expect(follow()).rejects.toThrow(/the source is wrong: its source says that sha256:/);
    expect(source.complaints).toHaveLength(1);
    expect(source.asked).toEqual([0]);
    expect(await world.names()).toEqual([]);
  });
});

describe('a fetch that breaks off', () => {
  async function breakOff(sentBytes: number): Promise<void> {
    const fill = await follow();
    const reading = readFill(fill);
    source.send(sentBytes);
    await fill.grownPast(0, false);
    source.breakOff(BROKEN);
    await expect(reading).rejects.toBe(BROKEN);
    expect(await overOf(fill)).toBe(BROKEN);
    await fills.leave(fill);
  }

  test('fails its readers, and the next one goes on from there', async () => {
    await breakOff(6);
    expect(await readFile(world.partOf(DIGEST))).toEqual(Buffer.from('hello '));
    expect(source.complaints).toEqual([]);
    await fetchAgain(5);
  });

  test('goes on also when only the verdict was missing', async () => {
    await breakOff(11);
    await fetchAgain(10);
  });

  test('begins anew when bytes of several attempts may not be mixed', async () => {
    await breakOff(6);
    source.mayGoOn = false;
    await fetchAgain(0);
  });

  test('begins anew at a source that cannot begin in the middle', async () => {
    await breakOff(6);
    source.isWhole = true;
    await using before = await open(world.partOf(DIGEST));
    const fill = await follow();
    expect(source.asked.slice(1)).toEqual([5, 0]);
    // Whoever reads the other file is not given bytes of this attempt.
    expect((await before.stat()).nlink).toBe(0);
    source.sendRest();
    expect(await readFill(fill)).toEqual(Buffer.from(HELLO));
    await fills.leave(fill);
  });

  test('begins anew when more was there than the blob has', async () => {
    await breakOff(6);
    const short = new ScriptedSource(encode('hello'));
    const fill = await follow(DIGEST, short);
    expect(short.asked).toEqual([5, 0]);
    expect((await stat(world.partOf(DIGEST))).size).toBe(0);
    await fills.leave(fill);
  });

  test('leaves nothing when nothing had come', async () => {
    const fill = await follow();
    source.breakOff(BROKEN);
    await overOf(fill);
    await fills.leave(fill);
    expect(await world.names()).toEqual([]);
  });

  test('is no failure of anybody when nobody waits', async () => {
    const fill = await follow();
    source.send(3);
    expect(fill.grownPast(5, false)).toBeInstanceOf(Promise);
    await fills.leave(fill);
    source.breakOff(BROKEN);
    expect(await overOf(fill)).toBe(BROKEN);
    // By now what nobody handles would have failed the test.
    await turn();
  });

  test('is over for who comes now: he begins another', async () => {
    const fill = (await follow()) as Fill;
    source.send(6);
    await fill.grownPast(0, false);
    fill.abort(BROKEN);
    expect(fills.running(DIGEST)).toBeUndefined();
    await fetchAgain(5);
    await fills.leave(fill);
  });
});

describe('an opening', () => {
  test('that the source refuses fails for all, and leaves nothing', async () => {
    source.refusal = new Error('404');
    const both = await Promise.allSettled([follow(), follow()]);
    expect(both).toMatchObject([{ reason: source.refusal }, { reason: source.refusal }]);
    expect(source.asked).toEqual([0]);
    expect(await world.names()).toEqual([]);
  });

  test('goes on when the first one leaves it, and ends with the last', async () => {
    source.holdAnswers();
    const [first, second] = [new AbortController(), new AbortController()];
    const one = fills.follow(DIGEST, source, first.signal);
    const other = fills.follow(DIGEST, source, second.signal);
    first.abort(BROKEN);
    await expect(one).rejects.toBe(BROKEN);
    expect(await Promise.race([other, turn('waits')])).toBe('waits');
    second.abort(BROKEN);
    await expect(other).rejects.toBe(BROKEN);
    // Who comes right after that does not share its fate.
    source.holdAnswers()();
    await fetchAgain(0);
    expect(source.asked.length).toBeLessThanOrEqual(2);
  });

  test('is not begun for whoever has left already', async () => {
    await expect(fills.follow(DIGEST, source, AbortSignal.abort(BROKEN))).rejects.toBe(BROKEN);
    expect(source.asked).toEqual([]);
  });
});

/** The blob comes at last, whatever was before. */
async function fetchAgain(fromByte: number): Promise<void> {
  const fill = await follow();
  expect(source.asked.at(-1)).toBe(fromByte);
  const reading = readFill(fill);
  source.sendRest();
  expect(await reading).toEqual(Buffer.from(HELLO));
  expect(await overOf(fill)).toBeUndefined();
  await fills.leave(fill);
  expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
  expect(await world.names()).toEqual([]);
}
