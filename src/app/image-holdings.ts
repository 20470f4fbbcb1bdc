// What our own store has, for whoever looks and may not bring a store into being by looking.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Digest } from '../oci/digest.ts';
import { digestOf, algorithmOf } from '../oci/digest.ts';
import { type Manifest, readManifest } from '../oci/manifest.ts';
import type { Session } from './session.ts';

export interface ImageHoldings {
  /** From whichever repository has it; hashed, as the disk may have changed it. */
  manifest(digest: Digest): Promise<Manifest | undefined>;
  hasBlob(digest: Digest): Promise<boolean>;
}

/** `undefined` where there is no store yet. */
export async function openHoldings(session: Session): Promise<ImageHoldings | undefined> {
  if (!existsSync(path.join(session.config.dataFolder, 'metadata-v1'))) return undefined;
  const { inspection, content } = await session.store();
  return {
    async manifest(digest) {
      const bytes = (await inspection.manifestBytes(digest))?.bytes;
      if (bytes === undefined || digestOf(bytes, algorithmOf(digest)) !== digest) return undefined;
      return { digest, bytes, mediaType: readManifest(bytes).mediaType };
    },
    hasBlob: async (digest) => (await content.stat(digest)) !== undefined,
  };
}
