import assert from 'node:assert/strict';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Fill } from '../../../src/content/filling/fill.ts';
import type { Fills } from '../../../src/content/filling/fills.ts';
import { type Digest, digestOf } from '../../../src/oci/digest.ts';
import { bytesOf } from '../../contract/blob-store-reading.ts';
import { readFill } from './filling-reader.ts';
import { ScriptedSource } from './filling-source.ts';
import { type FillingWorld, overOf } from './filling-world.ts';

export interface FillAttempt {
  /** How many bytes come at a time. */
  readonly chunks: readonly number[];
  /** All that is left comes, the connection breaks, or it is closed as if all had come. */
  readonly ending: 'whole' | 'break' | 'short';
  /** Which byte of the blob comes wrong, if it comes. */
  readonly corrupt: number | undefined;
  readonly mayGoOn: boolean;
  readonly isFromAuthority: boolean;
  readonly readers: readonly AttemptReader[];
}

export interface AttemptReader {
  /** As in another process. */
  readonly isElsewhere: boolean;
  readonly isCautious: boolean;
  readonly beginsAtChunk: number;
  readonly turnsABlock: number;
  readonly leavesAt: number | undefined;
}

const LAST_CHUNK = 6;
const BROKEN = new Error('the connection broke');
const LEFT = new Error('the reader has left');
const SIGNAL = new AbortController().signal;

/** Attempts to fill one blob, one after the other, checked against what they must come to. */
export class FillingRun {
  readonly #world: FillingWorld;
  readonly #bytes: Uint8Array;
  readonly #source: ScriptedSource;
  readonly #here: Fills;
  readonly #elsewhere: Fills;
  /** What is on the disk, and where the next byte goes: the last one is fetched again. */
  #part: number[] = [];
  #position = 0;
  #isKept = false;

  constructor(world: FillingWorld, bytes: Uint8Array) {
    this.#world = world;
    this.#bytes = bytes;
    this.#source = new ScriptedSource(bytes);
    this.#here = world.openFills();
    this.#elsewhere = world.openFills();
  }

  async attempt(attempt: FillAttempt): Promise<void> {
    const source = this.#source;
    source.mayGoOn = attempt.mayGoOn;
    source.isFromAuthority = attempt.isFromAuthority;
    const fill = await this.#here.follow(this.#digest, source, SIGNAL);
    assert.equal(fill === undefined, this.#isKept);
    if (fill === undefined) return;
    const start = attempt.mayGoOn ? Math.max(0, this.#part.length - 1) : 0;
    assert.equal(source.asked.at(-1), start);
    if (!attempt.mayGoOn) this.#part = [];
    this.#position = start;
    const reading: Promise<void>[] = [];
    const begin = (chunk: number) => {
      const now = attempt.readers.filter(({ beginsAtChunk }) => beginsAtChunk === chunk);
      reading.push(...now.map((reader) => this.#read(reader)));
    };
    for (const [index, count] of attempt.chunks.entries()) {
      begin(index);
      this.#send(count, attempt.corrupt);
      if (index % 2 === 0) await turn();
    }
    for (let chunk = attempt.chunks.length; chunk <= LAST_CHUNK; chunk += 1) begin(chunk);
    // What was sent is there, before the connection breaks and takes it away.
    while (fill.sizeBytes - this.#position < (fill as Fill).leftBytes) await turn();
    this.#end(attempt);
    await overOf(fill);
    await this.#here.leave(fill);
    await Promise.all(reading);
    assert.equal((await this.#world.content.stat(this.#digest)) !== undefined, this.#isKept);
  }

  async expectWell(): Promise<void> {
    if (this.#isKept) assert.equal(digestOf(await bytesOf(this.#world.content, this.#digest)), this.#digest);
    const names = await this.#world.names();
    const isPartLeft = this.#part.length > 0 && !this.#isKept;
    assert.deepEqual(names, isPartLeft ? [path.basename(this.#world.partOf(this.#digest))] : []);
  }

  get #digest(): Digest {
    return digestOf(this.#bytes);
  }

  #send(count: number, corrupt: number | undefined): void {
    const start = this.#position;
    const chunk = Array.from(this.#bytes.subarray(start, start + count));
    if (corrupt !== undefined && corrupt >= start && corrupt < start + chunk.length) chunk[corrupt - start]! ^= 1;
    this.#part.splice(start, chunk.length, ...chunk);
    this.#position += chunk.length;
    this.#source.send(count, corrupt);
  }

  #end({ ending, corrupt }: FillAttempt): void {
    if (ending === 'break') {
      this.#source.breakOff(BROKEN);
      return;
    }
    if (ending === 'whole') this.#send(this.#bytes.byteLength, corrupt);
    this.#source.end();
    // It may have ended one byte early, with that byte there from before.
    const got = Buffer.from(this.#part.slice(0, this.#position));
    this.#isKept = Buffer.compare(got, this.#bytes) === 0;
    if (!this.#isKept) this.#part = [];
  }

  async #read({ isElsewhere, isCautious, turnsABlock, leavesAt }: AttemptReader): Promise<void> {
    // Who follows another process would go on in its place, and has nothing to go on with.
    const spare = new ScriptedSource(this.#bytes);
    spare.stat = async () => ({ sizeBytes: this.#bytes.byteLength });
    spare.refusal = BROKEN;
    const fills = isElsewhere ? this.#elsewhere : this.#here;
    const heard: number[] = [];
    const pause = async () => {
      for (let turns = 0; turns < turnsABlock; turns += 1) await turn();
    };
    const onRead = (more: Uint8Array) => {
      heard.push(...more);
      if (leavesAt !== undefined && heard.length >= leavesAt) throw LEFT;
    };
    const fill = await fills.follow(this.#digest, spare, SIGNAL).catch(() => undefined);
    if (fill === undefined) return;
    try {
      const read = await readFill(fill, { isCautious, pause, onRead });
      assert.equal(digestOf(read), this.#digest);
    } catch (error) {
      if (error !== LEFT) assert.ok(heard.length < Math.max(1, this.#bytes.byteLength), 'a reader that fails had all');
    } finally {
      await fills.leave(fill);
    }
    if (heard.length === this.#bytes.byteLength) assert.equal(digestOf(Uint8Array.from(heard)), this.#digest);
  }
}
