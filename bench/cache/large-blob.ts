import { usageOf } from '../process-usage.ts';
import { pullByMany } from './crowd.ts';
import type { CacheServer } from './servers.ts';
import type { UpstreamProcess } from './upstream-process.ts';

export const LARGE_CLIENTS = 100;
const LARGE_BYTES = 1024 ** 3;
const REPOSITORY = 'bench/large';

export interface LargePull {
  readonly seconds: number;
  /** The most memory that the server ever had. */
  readonly peakBytes: number;
  readonly imagesSent: number;
}

/** For a server that has done nothing else. */
export async function pullLargeBlob({ host, pid }: CacheServer, upstream: UpstreamProcess): Promise<LargePull> {
  await upstream.prepare(REPOSITORY, LARGE_BYTES);
  const { seconds, layers } = await pullByMany(host, REPOSITORY, LARGE_CLIENTS);
  if (layers.some(({ sizeBytes }) => sizeBytes !== LARGE_BYTES)) throw new Error('a client got less than 1 GiB');
  const { blobBytes } = await upstream.counts();
  return { seconds, peakBytes: usageOf(pid).peakBytes, imagesSent: blobBytes / LARGE_BYTES };
}
