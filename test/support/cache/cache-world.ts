// The cache behind a real server on loopback, in front of whatever upstream a test wants: the store and the sockets are
// real, the time is the test's.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ServedRegistry } from '../../../src/app/served-registry.ts';
import { UndiciSend } from '../../../src/app/undici-send.ts';
import { FilesystemBlobStore } from '../../../src/content/filesystem/filesystem-blob-store.ts';
import { Fills } from '../../../src/content/filling/fills.ts';
import { unknownClients } from '../../../src/http/auth/unknown-client.ts';
import { registryHandler } from '../../../src/http/distribution/registry-handler.ts';
import { SqliteMetadataStore } from '../../../src/metadata/sqlite/sqlite-metadata-store.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { parsePattern } from '../../../src/oci/pattern.ts';
import { type RepositoryName, parseRepositoryName, parseTag } from '../../../src/oci/reference.ts';
import type { PullEvents, PullOutcome } from '../../../src/pull-through/pull-events.ts';
import { PullThrough } from '../../../src/pull-through/pull-through.ts';
import type { PulledRepository } from '../../../src/pull-through/pulled-repository.ts';
import type { ResolveHost } from '../../../src/remote/foreign-reach.ts';
import { Network } from '../../../src/remote/network.ts';
import { ProcessPullLedger } from '../../../src/remote/pull-ledger.ts';
import { RemoteRegistry } from '../../../src/remote/remote-registry.ts';
import type { Send } from '../../../src/remote/send.ts';
import { Upstream } from '../../../src/remote/upstream.ts';
import { StoredRegistry } from '../../../src/store/stored-registry.ts';
import { serve } from '../hosted/served-registry.ts';
import { HeldClock } from './held-clock.ts';
import { type SentRequests, recordSent } from './sent-requests.ts';

export const FRESH_FOR_MS = 10 * 60_000;
export const STALE_FOR_MS = 30 * 24 * 3_600_000;
const DAY_MS = 24 * 3_600_000;
/** As `serve` has it. */
const LONGEST_PAUSE_MS = 3_000;

export interface CacheOptions {
  /** Of docker.io. */
  readonly url: string;
  readonly clock?: HeldClock | undefined;
  /** Sockets by default. */
  readonly send?: Send | undefined;
  readonly resolveHost?: ResolveHost | undefined;
  readonly realms?: readonly string[] | undefined;
  readonly immutable?: readonly string[] | undefined;
}

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  /** What came of it. */
  readonly body: Buffer;
  /** The body ended before the length that the answer promised. */
  readonly isBroken: boolean;
}

export interface CacheWorld extends AsyncDisposable {
  readonly clock: HeldClock;
  readonly url: string;
  readonly sent: SentRequests;
  readonly metadata: SqliteMetadataStore;
  readonly content: FilesystemBlobStore;
  readonly outcomes: readonly PullOutcome[];
  /** What could not be kept. */
  readonly notKept: readonly unknown[];
  repository(name: string): PulledRepository;
  ask(at: string, init?: RequestInit): Promise<Got>;
  /** What a tag means in our store. */
  stored(name: string, tag: string): Promise<Digest | undefined>;
  /** Blobs in the content store. */
  storedBlobs(): Promise<readonly Digest[]>;
  /** Blobs on their way, and what is left of such. */
  filling(): readonly string[];
}

export async function openCache(options: CacheOptions): Promise<CacheWorld> {
  const { clock = new HeldClock(), url, realms, immutable = [] } = options;
  await using opened = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(tmpdir(), 'wharf-cache-'));
  opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  const sockets = opened.use(new UndiciSend());
  const sent = recordSent(options.send ?? sockets.send);
  const network = new Network({ send: sent.send, clock, resolveHost: options.resolveHost });
  const now = () => clock.now();
  const metadata = await SqliteMetadataStore.inMemory({ clock });
  const content = await FilesystemBlobStore.open(folder, { now });
  const registry = opened.use(new StoredRegistry({ metadata, content, now }));
  const outcomes: PullOutcome[] = [];
  const notKept: unknown[] = [];
  const onNotKept = (_: Digest | RepositoryName, error: unknown) => void notKept.push(error);
  const fills = opened.use(new Fills({ dataFolder: folder, content, clock, onNotKept }));
  const events: PullEvents = { count: (outcome) => outcomes.push(outcome), used: () => undefined, notKept: onNotKept };
  const pullThrough = new PullThrough({ registry, metadata, content, fills, clock, events });
  const name = 'docker.io';
  const remote = new RemoteRegistry({
    name,
    url: new URL(url),
    network,
    realms,
    ledger: new ProcessPullLedger(clock),
    longestPauseMs: LONGEST_PAUSE_MS,
  });
  const upstream = {
    upstream: new Upstream({ name, registry: remote }),
    freshForMs: FRESH_FOR_MS,
    staleForMs: STALE_FOR_MS,
    immutable: immutable.map(parsePattern),
    repositories: [parsePattern('**')],
    config: { path: undefined, hosts: [], public: true },
    hasLogin: false,
  };
  const servedRegistry = new ServedRegistry({
    store: { registry, metadata },
    pullThrough,
    upstreams: new Map([[name, upstream]]),
    defaultUpstream: name,
    serverNames: [],
    hosted: [],
    clients: unknownClients({ mayWrite: true }),
  });
  const served = opened.use(await serve(registryHandler(servedRegistry)));
  // What still waits is not waited for.
  opened.defer(() => clock.advance(DAY_MS));
  const running = opened.move();
  const repository = (text: string) => {
    const asName = parseRepositoryName(text);
    return pullThrough.repository(asName, asName, upstream);
  };
  return {
    clock,
    url: `http://127.0.0.1:${served.port}`,
    sent: sent.requests,
    metadata,
    content,
    outcomes,
    notKept,
    repository,
    ask: (at, init) => ask(`http://127.0.0.1:${served.port}/v2/${at}`, init),
    stored: async (text, tag) => (await metadata.resolveTag(parseRepositoryName(text), parseTag(tag)))?.digest,
    storedBlobs: async () => (await Array.fromAsync(content.list())).flat(),
    filling: () => filesIn(path.join(folder, 'filling-v1')).filter((file) => file.endsWith('.part')),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function ask(url: string, init: RequestInit = {}): Promise<Got> {
  const answer = await fetch(url, init);
  const chunks: Uint8Array[] = [];
  let isBroken = false;
  try {
    for await (const chunk of answer.body ?? []) chunks.push(chunk);
  } catch (error) {
    init.signal?.throwIfAborted();
    if (!(error instanceof TypeError)) throw error;
    isBroken = true;
  }
  return { status: answer.status, headers: answer.headers, body: Buffer.concat(chunks), isBroken };
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}
