import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import type { FaultAction } from '../../test/support/origin/faults.ts';
import { type Blob, blobOf } from '../../test/support/registry/content.ts';
import type { MemoryContent } from '../../test/support/registry/memory-content.ts';
import { startRegistry } from '../../test/support/registry/registry.ts';
import type { Digest } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import { RemoteRegistry } from './remote-registry.ts';

const APP = parseRepositoryName('team/app');
const MIB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The same mebibyte again and again: a blob of any size that takes no memory. */
function blobOfMebibytes(count: number): Blob {
  const part = Buffer.alloc(MIB, 'wharf');
  const hash = createHash('sha256');
  for (let nth = 0; nth < count; nth += 1) hash.update(part);
  const parts = Array.from({ length: count }, () => part);
  return blobOf(`sha256:${hash.digest('hex')}` as Digest, parts);
}

test('a blob of 200 MB passes through in less than 50 MB', async () => {
  await using source = await startRegistry();
  await using target = await startRegistry();
  await using net = openNetwork();
  const [from, to] = [source, target].map(({ url }) =>
    new RemoteRegistry({ name: url, url: new URL(url), network: net.network }).repository(APP),
  );
  if (from === undefined || to === undefined) throw new Error('two are two');
  let received = 0;
  let mostRssBytes = 0;
  const swallow: FaultAction = async ({ body }) => {
    for await (const chunk of body) {
      const before = Math.floor(received / (8 * MIB));
      received += chunk.byteLength;
      // What waits to be collected is not what is held.
      if (Math.floor(received / (8 * MIB)) > before) collectGarbage();
      mostRssBytes = Math.max(mostRssBytes, process.memoryUsage.rss());
    }
    return { status: 201, headers: {}, body: [] };
  };
  target.faults.add({ when: { kind: 'upload', method: 'PUT' }, action: swallow });
  const copy = async (blob: Blob) => {
    (source.content as MemoryContent).addBlob(APP, blob);
    const descriptor = { mediaType: 'application/octet-stream', digest: blob.digest, size: blob.sizeBytes };
    await to.push(descriptor, async () => (await from.blob(blob.digest)).body);
  };
  // What a first transfer takes for good is not what a large one takes.
  await copy(blobOfMebibytes(16));
  const large = blobOfMebibytes(200);
  collectGarbage();
  const before = process.memoryUsage.rss();
  mostRssBytes = 0;
  await copy(large);
  expect(received).toBe(216 * MIB);
  expect(mostRssBytes - before).toBeLessThan(50 * MIB);
});
