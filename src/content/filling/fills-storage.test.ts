// What fills leave on the disk, and what they do when it refuses.
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bytesOf, encode } from '../../../test/contract/blob-store-reading.ts';
import { type DiskCall, FailingDisk } from '../../../test/support/content/failing-disk.ts';
import { readFill } from '../../../test/support/content/filling-reader.ts';
import { ScriptedSource } from '../../../test/support/content/filling-source.ts';
import { type FillingWorld, fillingWorld, overOf } from '../../../test/support/content/filling-world.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import type { FillHooks, Fill } from './fill.ts';
import type { Fills } from './fills.ts';

const HELLO = encode('hello world');
const DIGEST = digestOf(HELLO);
const SIGNAL = new AbortController().signal;
const DAY_MS = 86_400_000;

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

async function follow(digest: Digest = DIGEST, from: ScriptedSource = source): Promise<Fill> {
  return (await fills.follow(digest, from, SIGNAL)) as Fill;
}

describe('on a disk that fails', () => {
  let disk: FailingDisk;

  beforeEach(async () => {
    disk = await FailingDisk.install();
  });
  afterEach(() => {
    disk[Symbol.dispose]();
  });

  test.each<DiskCall>(['open', 'stat', 'lstat'])('nothing is begun when %s does, and it is later', async (call) => {
    disk.breakDown(call);
    await expect(follow()).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
    disk.recover();
    await fetchNow();
  });

  test('the readers fail when it does not take the bytes, and the next one goes on', async () => {
    const fill = await follow();
    source.send(4);
    await fill.grownPast(3, false);
    disk.breakDown('write');
    const reading = readFill(fill);
    source.send(4);
    await expect(reading).rejects.toMatchObject({ code: 'STORAGE_FAILING' });
    await overOf(fill);
    await fills.leave(fill);
    disk.recover();
    // It is no fault of the source's.
    expect(source.complaints).toEqual([]);
    await fetchNow();
    expect(source.asked).toEqual([0, 3]);
  });

  test.each<DiskCall>(['rename', 'sync', 'chmod'])(
    'the readers have all when %s fails at the end, and the blob is kept later without being fetched again',
    async (call) => {
      const fill = await follow();
      disk.breakDown(call);
      const reading = readFill(fill);
      source.sendRest();
      expect(await reading).toEqual(Buffer.from(HELLO));
      expect(await overOf(fill)).toMatchObject({ code: 'STORAGE_FAILING' });
      expect(world.notKept).toMatchObject([{ code: 'STORAGE_FAILING' }]);
      await fills.leave(fill);
      expect(await world.content.stat(DIGEST)).toBeUndefined();
      disk.recover();
      if (call === 'chmod') return;
      expect(await fills.follow(DIGEST, source, SIGNAL)).toBeUndefined();
      expect(source.asked).toEqual([0]);
      expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
      expect(await world.names()).toEqual([]);
    },
  );

  test('the source is told of wrong bytes also when they cannot be removed', async () => {
    const fill = await follow();
    disk.breakDown('rm');
    source.send(11, 2);
    source.end();
    expect(await overOf(fill)).toMatchObject({ code: 'STORAGE_FAILING' });
    expect(source.complaints).toHaveLength(1);
    await fills.leave(fill);
  });

  async function fetchFrom(next: ScriptedSource, digest: Digest): Promise<void> {
    const fill = await fills.follow(digest, next, SIGNAL);
    if (fill === undefined) return;
    next.sendRest();
    await overOf(fill);
    await fills.leave(fill);
  }

  test('whichever call fails, the blob is right when it works again, and no lock stays', async () => {
    for (let calls = 0; ; calls += 1) {
      const bytes = encode(`blob ${calls}`);
      const digest = digestOf(bytes);
      const next = new ScriptedSource(bytes);
      const wasReached = disk.failOnce(calls);
      await fetchFrom(next, digest).catch(() => undefined);
      const isDone = !wasReached();
      disk.recover();
      await fetchFrom(next, digest);
      expect(await bytesOf(world.content, digest)).toEqual(bytes);
      expect((await world.names()).filter((name) => name.endsWith('.lock'))).toEqual([]);
      if (isDone) break;
      expect(calls).toBeLessThan(100);
    }
  });
});

test('a folder that cannot be made is told as what it is', async () => {
  await writeFile(world.folder, '');
  await expect(follow()).rejects.toMatchObject({
    code: 'STORAGE_FAILING',
    message: expect.stringContaining('filling-v1'),
  });
});

describe('what was verified and not put into its place', () => {
  async function leaveVerified(text: string): Promise<void> {
    await mkdir(world.folder);
    await writeFile(world.partOf(DIGEST), text, { mode: 0o444 });
  }

  test('is kept without being fetched again', async () => {
    await leaveVerified('hello world');
    expect(await fills.follow(DIGEST, source, SIGNAL)).toBeUndefined();
    expect(source.asked).toEqual([]);
    expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
  });

  test('is fetched again when a power cut took bytes of it', async () => {
    await leaveVerified('hello w\0\0\0\0');
    await fetchNow();
    expect(source.asked).toEqual([0]);
    expect(source.complaints).toEqual([]);
  });
});

describe('what is swept', () => {
  const [old, young, live] = [digestOf('old'), digestOf('young'), digestOf('live')];

  async function leave(digest: Digest, ageMs: number, suffix: 'part' | 'lock'): Promise<void> {
    await mkdir(world.folder, { recursive: true });
    const file = world.partOf(digest).replace('part', suffix);
    await writeFile(file, suffix === 'part' ? 'bytes' : '');
    const seconds = (world.clock.now() - ageMs) / 1000;
    await utimes(file, seconds, seconds);
  }

  test('is what nobody went on with for a day, bytes and lock', async () => {
    await leave(old, DAY_MS + 1000, 'part');
    await leave(old, DAY_MS + 1000, 'lock');
    await leave(digestOf('only locked'), DAY_MS + 1000, 'lock');
    await leave(young, DAY_MS - 60_000, 'part');
    // A lock is as old as its first taking.
    await leave(young, 2 * DAY_MS, 'lock');
    await writeFile(path.join(world.folder, 'README'), 'somebody else wrote this');
    await fills.sweep();
    const kept = [`${young.replace(':', '-')}.lock`, `${young.replace(':', '-')}.part`, 'README'];
    expect(await world.names()).toEqual(kept.toSorted());
  });

  test('is never what is being fetched', async () => {
    const bytes = encode('live');
    const slow = new ScriptedSource(bytes);
    const fill = await follow(live, slow);
    slow.send(2);
    await fill.grownPast(1, false);
    world.clock.advance(3 * DAY_MS);
    await world.openFills().sweep();
    expect(existsSync(world.partOf(live))).toBe(true);
    slow.sendRest();
    expect(await overOf(fill)).toBeUndefined();
    await fills.leave(fill);
    expect(await bytesOf(world.content, live)).toEqual(bytes);
  });

  test('may be nothing at all', async () => {
    await fills.sweep();
    expect(existsSync(world.folder)).toBe(false);
  });
});

describe('those who wait', () => {
  const hooks = (told: string[], name: string, error?: Error): FillHooks => ({
    hold: async () => {
      expect(await world.content.stat(DIGEST)).toBeUndefined();
      told.push(`${name} holds`);
    },
    stored: async (blob) => {
      expect(blob).toEqual({ digest: DIGEST, sizeBytes: 11 });
      expect(await world.content.stat(DIGEST)).toBeDefined();
      told.push(`${name} has it`);
      if (error !== undefined) throw error;
    },
  });

  test('hold it before it is stored, and are each told once when it is', async () => {
    const fill = await follow();
    const told: string[] = [];
    fill.whenStored('a', hooks(told, 'a', new Error('no room')));
    fill.whenStored('b', hooks(told, 'b'));
    fill.whenStored('b', hooks(told, 'b again'));
    source.sendRest();
    await overOf(fill);
    expect(told.slice(0, 2)).toEqual(['a holds', 'b holds']);
    expect(told.slice(2).toSorted()).toEqual(['a has it', 'b has it']);
    expect(world.notKept).toMatchObject([{ message: 'no room' }]);
    fill.whenStored('late', hooks(told, 'late'));
    await expect.poll(() => told.at(-1)).toBe('late has it');
    await fills.leave(fill);
  });

  test('have it all when one of them cannot hold it, and it is not stored', async () => {
    const fill = await follow();
    const refusal = new Error('the metadata cannot be written');
    fill.whenStored('a', { hold: () => Promise.reject(refusal), stored: () => Promise.reject(refusal) });
    const reading = readFill(fill);
    source.sendRest();
    expect(await reading).toEqual(Buffer.from(HELLO));
    expect(await overOf(fill)).toBe(refusal);
    expect(await world.content.stat(DIGEST)).toBeUndefined();
    await fills.leave(fill);
  });
});

describe('fills that nobody follows', () => {
  async function beginAndLeave(text: string, sizeBytes?: number): Promise<Fill> {
    const next = new ScriptedSource(encode(text));
    next.sizeBytes = sizeBytes ?? next.sizeBytes;
    const fill = await follow(digestOf(text), next);
    next.send(3);
    await fill.grownPast(2, false);
    await fills.leave(fill);
    return fill;
  }

  test('go on up to sixteen; what one had beyond that stays for the next', async () => {
    const all: Fill[] = [];
    for (let index = 0; index <= 16; index += 1) all.push(await beginAndLeave(`blob number ${index}`));
    expect(all.map((fill) => fill.isBroken)).toEqual([...Array<boolean>(16).fill(false), true]);
    expect(await overOf(all[16])).toMatchObject({ message: expect.stringMatching(/^nobody waits for it any more/) });
    expect(await readFile(world.partOf(digestOf('blob number 16')), 'utf8')).toBe('blo');
    // Those that are followed do not count.
    expect((await follow()).isBroken).toBe(false);
  });

  test('go on while no more than eight GiB are to come', async () => {
    const first = await beginAndLeave('large', 7 * 1024 ** 3);
    const second = await beginAndLeave('too much', 2 * 1024 ** 3);
    expect([first.isBroken, second.isBroken]).toEqual([false, true]);
  });
});

describe('the end', () => {
  test('ends all, and leaves what came so far to the next', async () => {
    const fill = await follow();
    const reading = readFill(fill);
    source.send(6);
    await fill.grownPast(5, false);
    const held = new ScriptedSource(encode('held'));
    held.holdAnswers();
    const opening = fills.follow(digestOf('held'), held, SIGNAL);
    const outcomes = Promise.allSettled([opening, reading]);
    await fills[Symbol.asyncDispose]();
    const stopped = { status: 'rejected', reason: { message: 'the server is stopping' } };
    expect(await outcomes).toMatchObject([stopped, stopped]);
    await fills.leave(fill);
    expect(await world.names()).toEqual([path.basename(world.partOf(DIGEST))]);
    await expect(follow()).rejects.toThrow('the server is stopping');
    fills = world.openFills();
    await fetchNow();
    expect(source.asked).toEqual([0, 5]);
  });

  // Only Linux shows a process its own open files.
  test.skipIf(!existsSync('/proc/self/fd'))('no file stays open, however fills end', async () => {
    await fetchNow();
    const before = (await readdir('/proc/self/fd')).length;
    for (let round = 0; round < 20; round += 1) {
      const bytes = encode(`round ${round}`);
      const next = new ScriptedSource(bytes);
      const [fill, other] = [await follow(digestOf(bytes), next), await follow(digestOf(bytes), next)];
      next.send(2);
      if (round % 4 === 0) next.sendRest();
      else if (round % 4 === 1) next.end();
      else if (round % 4 === 2) next.breakOff(new Error('broken'));
      else fill.abort(new Error('enough'));
      if (round % 2 === 0) await overOf(fill);
      await Promise.all([fills.leave(fill), fills.leave(other)]);
      await overOf(fill);
      const refusing = new ScriptedSource(bytes);
      refusing.refusal = new Error('404');
      await expect(follow(digestOf(`none ${round}`), refusing)).rejects.toBe(refusing.refusal);
    }
    await fills[Symbol.asyncDispose]();
    expect((await readdir('/proc/self/fd')).length).toBe(before);
  });
});

async function fetchNow(): Promise<void> {
  const fill = await follow();
  source.sendRest();
  expect(await overOf(fill)).toBeUndefined();
  await fills.leave(fill);
  expect(await bytesOf(world.content, DIGEST)).toEqual(HELLO);
  expect(await world.names()).toEqual([]);
}
