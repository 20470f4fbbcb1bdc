import { z } from 'zod';
import { parseJson } from './image-config.ts';
import { type TaggedReference, parseTaggedReference } from './image-name.ts';
import type { UnpackedArchive } from './unpacked-archive.ts';

export interface SavedImage {
  readonly config: string;
  readonly layers: readonly string[];
  readonly references: readonly TaggedReference[];
}

/** What docker has in the place of a tag where there is none. */
const NO_TAG = /^<none>|@/;

const savedSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  }),
);

/** What manifest.json says; no images when there is none. Throws UsageError. */
export function readSavedImages(archive: UnpackedArchive): readonly SavedImage[] {
  const text = archive.said('manifest.json');
  if (text === undefined) return [];
  return parseJson(text, savedSchema, `manifest.json of ${archive.label}`).map(({ Config, RepoTags, Layers }) => ({
    config: Config,
    layers: Layers ?? [],
    references: (RepoTags ?? []).filter((name) => !NO_TAG.test(name)).map(parseTaggedReference),
  }));
}
