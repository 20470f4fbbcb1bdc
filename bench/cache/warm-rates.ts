// How fast a cache answers out of what it has. Ours is compared with itself, too: with what was pushed to it.
import { pushBlob, pushManifest } from '../pushes.ts';
import { requestsPerSecond } from '../wrk.ts';
import { type BulkImage, bulkImage, wholeOf } from './bulk-image.ts';
import { pullByMany } from './crowd.ts';
import type { CacheServer } from './servers.ts';
import type { UpstreamProcess } from './upstream-process.ts';

export const WARM_BLOB_BYTES = 200 * 1024 * 1024;
export const WARM_SECONDS = 2;
export const WARM_SLICES = 3;
const CACHED = 'bench/warm';
const HOSTED = 'hosted/warm';

export interface WarmRates {
  readonly byTag: number;
  readonly byDigest: number;
  readonly blobBytesPerSecond: number;
}

/** Pulls what it asks for before. */
export async function measureCached(server: CacheServer, upstream: UpstreamProcess): Promise<WarmRates> {
  const image = await fillCache(server, upstream);
  const [cached] = await measureInTurns([`http://${server.host}/v2/${CACHED}`], image);
  return cached!;
}

/** The same beside what was pushed to it. */
export async function measureCachedAndHosted(
  server: CacheServer,
  upstream: UpstreamProcess,
): Promise<{ readonly cached: WarmRates; readonly hosted: WarmRates }> {
  const image = await fillCache(server, upstream);
  const hostedUrl = `http://${server.host}/v2/${HOSTED}`;
  await pushImage(hostedUrl, image);
  const [cached, hosted] = await measureInTurns([`http://${server.host}/v2/${CACHED}`, hostedUrl], image);
  return { cached: cached!, hosted: hosted! };
}

async function fillCache({ host }: CacheServer, upstream: UpstreamProcess): Promise<BulkImage> {
  await upstream.prepare(CACHED, WARM_BLOB_BYTES);
  await pullByMany(host, CACHED, 1);
  return bulkImage(CACHED, WARM_BLOB_BYTES);
}

async function pushImage(repositoryUrl: string, { index, manifest, blobs }: BulkImage): Promise<void> {
  for (const blob of blobs) await pushBlob(repositoryUrl, wholeOf(blob));
  await pushManifest(repositoryUrl, 'child', manifest);
  await pushManifest(repositoryUrl, 'latest', index);
}

/** The best of some short slices each, in turns: what else the machine does meanwhile is the same for all. */
async function measureInTurns(repositoryUrls: readonly string[], image: BulkImage): Promise<readonly WarmRates[]> {
  // Nothing is left to compile, or to read for the first time, once it is measured.
  for (const url of repositoryUrls) await requestsPerSecond(`${url}/manifests/latest`, 16, WARM_SECONDS);
  const [, layer] = image.blobs;
  const byTag = await bestInTurns(repositoryUrls, 'manifests/latest', 16);
  const byDigest = await bestInTurns(repositoryUrls, `manifests/${image.index.digest}`, 16);
  const blobs = await bestInTurns(repositoryUrls, `blobs/${layer.digest}`, 4);
  return repositoryUrls.map((_, nth) => ({
    byTag: byTag[nth]!,
    byDigest: byDigest[nth]!,
    blobBytesPerSecond: blobs[nth]! * WARM_BLOB_BYTES,
  }));
}

async function bestInTurns(
  repositoryUrls: readonly string[],
  path: string,
  connections: number,
): Promise<readonly number[]> {
  const best = repositoryUrls.map(() => 0);
  for (let slice = 0; slice < WARM_SLICES; slice += 1) {
    for (const [nth, url] of repositoryUrls.entries()) {
      best[nth] = Math.max(best[nth]!, await requestsPerSecond(`${url}/${path}`, connections, WARM_SECONDS));
    }
  }
  return best;
}
