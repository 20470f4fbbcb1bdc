import { describe } from 'vitest';
import { blobStoreContract } from '../../test/contract/blob-store.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { Digest } from '../oci/digest.ts';
import { MemoryBlobStore } from './memory.ts';

describe('a store in memory', () => {
  blobStoreContract(async () => {
    const clock = new FakeClock();
    const blobs = new Map<Digest, Uint8Array>();
    const store = new MemoryBlobStore({ now: () => clock.now(), blobs });
    return {
      clock,
      open: async () => store,
      damage: async (digest) => void blobs.set(digest, new TextEncoder().encode('damaged')),
      [Symbol.asyncDispose]: async () => undefined,
    };
  });
});
