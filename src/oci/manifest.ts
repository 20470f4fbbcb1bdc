import { z } from 'zod';
import { type Descriptor, annotationsSchema, descriptorSchema } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { OciError } from './errors.ts';
import { MEDIA_TYPES, isIndexType, isManifestType } from './media-type.ts';

/** A manifest as it came: the bytes hash to the digest, and are never written anew. */
export interface Manifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface ImageContent {
  readonly kind: 'image';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface IndexContent {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** What a manifest says, read from its bytes. */
export type ManifestContent = ImageContent | IndexContent;

/** distribution-spec §Pushing Manifests: registries and clients cope with at least 4 MB; more is refused here. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** An index of every platform of every version stays far below; the store looks each of them up. */
export const MAX_PARTS = 10_000;

// Lists of parts are read one by one and not by zod, which would describe everything that is wrong in all of them.
const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  subject: descriptorSchema.nullish(),
  artifactType: z.string().nullish(),
  annotations: annotationsSchema.nullish(),
});
const imageSchema = indexSchema.extend({ config: descriptorSchema });

/**
 * Reads a manifest or index of either family. A missing `mediaType` is inferred from the shape. A body that could be
 * read as both, or whose `mediaType` contradicts its shape, is refused: two readers would see two images.
 * Throws MANIFEST_INVALID, or UNSUPPORTED for the dead schema 1.
 */
export function readManifest(bytes: Uint8Array): { mediaType: string; content: ManifestContent } {
  const body = parseObject(bytes);
  if (body['schemaVersion'] === 1) {
    throw new OciError('UNSUPPORTED', 'a manifest of the retired schema 1, which present clients refuse');
  }
  const isIndex = 'manifests' in body;
  if (isIndex && ('layers' in body || 'config' in body)) {
    throw new OciError('MANIFEST_INVALID', 'the manifest has both "manifests" and "layers"');
  }
  const content = isIndex ? readIndex(body) : readImage(body);
  const mediaType = typeof body['mediaType'] === 'string' ? body['mediaType'] : inferMediaType(content);
  if (!isManifestType(mediaType) || isIndexType(mediaType) !== isIndex) {
    throw new OciError('MANIFEST_INVALID', `the manifest calls itself ${quoted(mediaType)}, but has another shape`);
  }
  return { mediaType, content };
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) throw new OciError('MANIFEST_INVALID', 'the manifest exceeds 4 MiB');
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new OciError('MANIFEST_INVALID', 'the manifest is not JSON', { cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new OciError('MANIFEST_INVALID', 'the manifest is not a JSON object');
  }
  return body as Record<string, unknown>;
}

function readImage(body: Record<string, unknown>): ImageContent {
  const { config, ...rest } = check(imageSchema, body);
  return { kind: 'image', config, layers: readParts(body, 'layers'), ...extras(rest) };
}

function readIndex(body: Record<string, unknown>): IndexContent {
  const rest = check(indexSchema, body);
  return { kind: 'index', manifests: readParts(body, 'manifests'), ...extras(rest) };
}

/** Old tools write `null` for an empty list. */
function readParts(body: Record<string, unknown>, field: 'layers' | 'manifests'): readonly Descriptor[] {
  const parts = body[field];
  if (parts === null) return [];
  if (!Array.isArray(parts)) throw new OciError('MANIFEST_INVALID', `the manifest is invalid at "${field}": no list`);
  if (parts.length > MAX_PARTS) {
    throw new OciError('MANIFEST_INVALID', `the manifest has ${parts.length} ${field}; at most ${MAX_PARTS} are read`);
  }
  return parts.map((part: unknown, index) => check(descriptorSchema, part, [field, index]));
}

function extras({ subject, artifactType, annotations }: Partial<z.infer<typeof indexSchema>>) {
  return { ...(subject && { subject }), ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
}

function check<T>(schema: z.ZodType<T>, value: unknown, at: readonly PropertyKey[] = []): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = quoted([...at, ...(issue?.path ?? [])].join('.'));
  const why = issue?.message ?? 'unreadable';
  throw new OciError('MANIFEST_INVALID', `the manifest is invalid at ${where}: ${why}`, { cause: result.error });
}

/** What a body says of itself may be long, and hold what a terminal would obey. */
function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}

function inferMediaType(content: ManifestContent): string {
  if (content.kind === 'index') {
    const isDocker = content.manifests.some((child) => child.mediaType === MEDIA_TYPES.dockerImage);
    return isDocker ? MEDIA_TYPES.dockerIndex : MEDIA_TYPES.ociIndex;
  }
  return content.config.mediaType === MEDIA_TYPES.dockerConfig ? MEDIA_TYPES.dockerImage : MEDIA_TYPES.ociImage;
}
