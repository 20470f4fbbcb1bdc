// The registries of one data folder, which come and go.
import { once, EventEmitter } from 'node:events';
import type { Finding } from '../../../src/store/check-finding.ts';
import type { Random } from './random.ts';

/** A registry that serves the folder. */
export interface Server {
  readonly url: string;
  /** Ends it in the middle of whatever it does. Resolves when it does nothing any more. */
  kill(): Promise<void>;
  /** Ends it as an operator does. */
  stop(): Promise<void>;
}

/** One that runs beside the servers. */
export interface Collection {
  /** Rejects when it failed. */
  readonly ended: Promise<void>;
  kill(): void;
}

/** How a data folder is worked on: by processes, or in this one. */
export interface DataFolder extends AsyncDisposable {
  readonly path: string;
  /** What the servers said of failures of their own, so far. */
  readonly troubles: readonly string[];
  serve(): Promise<Server>;
  collect(options: { readonly olderThan: '0s' | '1h'; readonly untagged: boolean }): Promise<Collection>;
  check(): Promise<readonly Finding[]>;
}

/** A server as its clients know it. */
export interface Member {
  readonly url: string;
  /** Set before the server notices; settles when it is over. */
  ending: Promise<void> | undefined;
}

export class Fleet {
  readonly #folder: DataFolder;
  readonly #members = new Map<Member, Server>();
  readonly #changes = new EventEmitter();

  constructor(folder: DataFolder) {
    this.#folder = folder;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Says where. */
  async start(): Promise<string> {
    const server = await this.#folder.serve();
    this.#members.set({ url: server.url, ending: undefined }, server);
    this.#changes.emit('started');
    return server.url;
  }

  /** Waits until there is one. */
  async pick(random: Random): Promise<Member> {
    while (this.#members.size === 0) await once(this.#changes, 'started');
    return random.pick([...this.#members.keys()]);
  }

  /** Says which. */
  async end(random: Random, how: 'kill' | 'stop'): Promise<string> {
    const [member, server] = random.pick([...this.#members]);
    this.#members.delete(member);
    member.ending = server[how]();
    await member.ending;
    return member.url;
  }

  async endAll(): Promise<void> {
    const servers = [...this.#members.values()];
    this.#members.clear();
    await Promise.all(servers.map((server) => server.stop()));
  }
}
