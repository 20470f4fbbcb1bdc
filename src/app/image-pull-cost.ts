import type { Digest } from '../oci/digest.ts';
import { isForeignLayerType } from '../oci/media-type.ts';

export interface InspectedPart {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Whether our own store has it. */
  readonly isHere: boolean;
}

/** What a client's pull of one platform asks the registry for, beyond what our own store has. */
export interface PullCost {
  /** Manifests. */
  readonly pulls: number;
  readonly bytes: number;
  /** `false`: some manifest was not read, so there may be more bytes, and fewer pulls. */
  readonly isKnown: boolean;
}

interface Pulled {
  readonly isRootHere: boolean;
  readonly isIndex: boolean;
  /** The image of the platform, where its manifest was read. */
  readonly image:
    | {
        readonly image: { readonly config: InspectedPart; readonly layers: readonly InspectedPart[] };
        readonly isHere: boolean;
      }
    | undefined;
}

/** One manifest for the root, one more for the image of an index, and each blob once; foreign layers are elsewhere. */
export function pullCost({ isRootHere, isIndex, image }: Pulled): PullCost {
  const ofRoot = isRootHere ? 0 : 1;
  if (image === undefined) return { pulls: ofRoot + (isIndex ? 1 : 0), bytes: 0, isKnown: false };
  const { config, layers } = image.image;
  const blobs = new Map([config, ...layers].map((part) => [part.digest, part]));
  const missing = [...blobs.values()].filter((part) => !part.isHere && !isForeignLayerType(part.mediaType));
  const bytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { pulls: ofRoot + (image.isHere ? 0 : 1), bytes, isKnown: true };
}
