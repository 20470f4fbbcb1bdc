import { readManifest } from '../../../src/oci/manifest.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-type.ts';
import { type Answer, jsonAnswer } from '../origin/answer.ts';
import type { MemoryContent } from './memory-content.ts';
import type { Route } from './route.ts';

/** distribution-spec §Listing Referrers: an index of them, also where there are none. */
export function answerReferrers(content: MemoryContent, { repository, reference }: Route): Answer {
  const manifests = content.manifests(repository).flatMap(({ digest, mediaType, bytes }) => {
    const { subject, annotations, artifactType, ...body } = readManifest(bytes).content;
    if (subject?.digest !== reference) return [];
    const type = artifactType ?? (body.kind === 'image' ? body.config.mediaType : undefined);
    return [{ mediaType, digest, size: bytes.byteLength, artifactType: type, annotations }];
  });
  const mediaType = MEDIA_TYPES.ociIndex;
  return jsonAnswer(200, { schemaVersion: 2, mediaType, manifests }, { 'content-type': mediaType });
}
