// Our Docker Hub as a process of its own, so that what a client costs can be told from what the hub costs.
import path from 'node:path';
import type { Digest } from '../../../src/oci/digest.ts';
import type { HubCounters } from '../hub/counters.ts';
import type { ScriptedFault } from '../origin/fault-script.ts';
import { askControl } from './ask-control.ts';
import { startProgram } from './program.ts';

export interface HubProcessOptions {
  /** A folder that holds `library/`. */
  readonly library: string;
  readonly repositories?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  /** `NAME:PASSWORD`, or `NAME:PASSWORD:PULLS`; without pulls it is not metered. */
  readonly account?: string | undefined;
  /** Of the limit; an hour where it is not given. */
  readonly windowSeconds?: number | undefined;
  readonly layerBytes?: number | undefined;
  readonly latencyMs?: number | undefined;
}

export interface ExpectedTag {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly children: readonly Digest[];
}

export type HubCounts = Omit<HubCounters, 'manifestGetsByDigest'> & {
  readonly manifestGetsByDigest: Readonly<Record<string, number>>;
};

export interface HubProcess extends AsyncDisposable {
  readonly pid: number;
  readonly registryUrl: string;
  readonly apiUrl: string;
  /** Where logins are traded for tokens. */
  readonly tokenUrl: string;
  /** All tags of the library as they are now; asking builds all images, and so leaves nothing to be built later. */
  expected(): Promise<readonly ExpectedTag[]>;
  counters(): Promise<HubCounts>;
  resetCounters(): Promise<void>;
  /** Replaces those in force. */
  setFaults(...faults: readonly ScriptedFault[]): Promise<void>;
  rebuild(repository: string, tag: string): Promise<void>;
  /** Another state of the library, in a folder that holds `library/`: what is built as before stays as it is. */
  moveTo(library: string): Promise<void>;
}

const MAIN = path.join(import.meta.dirname, '../hub/main.ts');
/** A run of ours may ask its web API as fast as it likes. */
const API_LIMIT = 1_000_000;

export async function startHubProcess(options: HubProcessOptions): Promise<HubProcess> {
  const { library, repositories, limit, account, windowSeconds, layerBytes, latencyMs } = options;
  const values = {
    library,
    'api-limit': API_LIMIT,
    repositories: repositories?.join(','),
    limit,
    account,
    window: windowSeconds,
    'layer-bytes': layerBytes,
    'latency-ms': latencyMs,
  };
  const args = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, `${value}`],
  );
  const program = await startProgram(process.execPath, [MAIN, ...args]);
  const { registryUrl, apiUrl, tokenUrl, controlUrl } = JSON.parse(await program.firstLine) as Record<
    'registryUrl' | 'apiUrl' | 'tokenUrl' | 'controlUrl',
    string
  >;
  const ask = (request: string, body?: unknown) => askControl(controlUrl, request, body);
  return {
    pid: program.pid,
    registryUrl,
    apiUrl,
    tokenUrl,
    expected: async () => (await ask('GET /expected')) as ExpectedTag[],
    counters: async () => (await ask('GET /counters')) as HubCounts,
    resetCounters: async () => void (await ask('POST /reset')),
    setFaults: async (...faults) => void (await ask('POST /faults', faults)),
    rebuild: async (repository, tag) => void (await ask('POST /rebuild', { repository, tag })),
    moveTo: async (folder) => void (await ask('POST /library', { folder: path.resolve(folder) })),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
