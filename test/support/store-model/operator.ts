// Whoever runs the registry: kills, restarts and stops servers, and collects garbage beside them.
import { setImmediate } from 'node:timers/promises';
import type { Diary } from './diary.ts';
import type { Collection, DataFolder, Fleet } from './fleet.ts';
import type { Collections } from './known-repository.ts';
import type { Random } from './random.ts';

const MAX_SERVERS = 2;
const MAX_TURNS = 50;

interface OperatorOptions {
  readonly folder: DataFolder;
  readonly fleet: Fleet;
  readonly diary: Diary;
  readonly random: Random;
  readonly collections: Collections;
}

export class Operator {
  readonly counts = { killed: 0, stopped: 0, started: 0, collections: 0, collectionsKilled: 0, checks: 0 };
  readonly #options: OperatorOptions;
  #collection: Collection | undefined;
  #isCollecting = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  async act(): Promise<void> {
    const { random } = this.#options;
    // So that a kill does not always come at the end of a request.
    for (let turns = random.below(MAX_TURNS); turns > 0; turns -= 1) await setImmediate();
    if (random.chance(0.4)) this.#killCollection();
    await random.pick<() => Promise<void>>([
      () => this.#kill(),
      () => this.#stop(),
      () => this.#start(),
      () => this.#collect(),
      () => this.#collect(),
      () => this.check(),
    ])();
  }

  /** Rejects when the store is not whole, but for what the clients themselves took out of it. */
  async check(): Promise<void> {
    const { folder, diary } = this.#options;
    this.counts.checks += 1;
    diary.note('operator', 'checks');
    const findings = (await folder.check()).filter(({ kind }) => kind !== 'incomplete');
    if (findings.length > 0) throw new Error(`wharf check found ${JSON.stringify(findings)}`);
  }

  /** Ends all servers, however they are, and begins anew with one. */
  async restart(): Promise<void> {
    await this.#options.fleet.endAll();
    await this.#start();
  }

  /** A whole collection, after whichever is at work. */
  async collect(): Promise<void> {
    await this.#collection?.ended;
    await this.#beginCollection();
    await this.#collection?.ended;
  }

  async #kill(): Promise<void> {
    await this.#end('kill');
    this.counts.killed += 1;
  }

  async #stop(): Promise<void> {
    await this.#end('stop');
    this.counts.stopped += 1;
  }

  async #end(how: 'kill' | 'stop'): Promise<void> {
    const { fleet, random, diary } = this.#options;
    diary.note('operator', `${how}s ${await fleet.end(random, how)}`);
    if (fleet.size === 0) await this.#start();
  }

  async #start(): Promise<void> {
    const { fleet, diary } = this.#options;
    if (fleet.size === MAX_SERVERS) return;
    this.counts.started += 1;
    diary.note('operator', `started ${await fleet.start()}`);
  }

  async #collect(): Promise<void> {
    await this.#collection?.ended;
    await this.#beginCollection();
  }

  #killCollection(): void {
    if (!this.#isCollecting) return;
    this.#options.diary.note('operator', 'kills the collection');
    this.counts.collectionsKilled += 1;
    this.#collection?.kill();
  }

  async #beginCollection(): Promise<void> {
    const { folder, diary, collections } = this.#options;
    const { takesYoungBlobs, takesUntagged } = collections;
    this.counts.collections += 1;
    diary.note('operator', 'collects');
    this.#collection = await folder.collect({ olderThan: takesYoungBlobs ? '0s' : '1h', untagged: takesUntagged });
    this.#isCollecting = true;
    const over = () => (this.#isCollecting = false);
    // Whoever waits for it hears of a failure.
    void this.#collection.ended.then(over, over);
  }
}
