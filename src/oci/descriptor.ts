import { z } from 'zod';
import { type Digest, isDigest } from './digest.ts';
import type { Platform } from './platform.ts';

/** image-spec descriptor.md: what something is, what it hashes to, how many bytes it has. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly urls?: readonly string[] | undefined;
}

const digestSchema = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'expected a sha256 or sha512 digest',
});

/** A record or list of more than this is no description of anything. */
const MAX_ENTRIES = 10_000;

// zod describes each entry that is wrong, at a kilobyte each; a manifest that is refused has one reason.
export const annotationsSchema = z.custom<Readonly<Record<string, string>>>(isRecordOfTexts, {
  error: `expected a record of at most ${MAX_ENTRIES} texts`,
});

const urlsSchema = z.custom<readonly string[]>((value) => Array.isArray(value) && areTexts(value), {
  error: `expected a list of at most ${MAX_ENTRIES} texts`,
});

const platformSchema = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
  'os.version': z.string().optional(),
});

export const descriptorSchema = z.object({
  mediaType: z.string().min(1),
  digest: digestSchema,
  size: z.int().nonnegative(),
  platform: platformSchema.optional(),
  artifactType: z.string().optional(),
  annotations: annotationsSchema.optional(),
  urls: urlsSchema.optional(),
});

function isRecordOfTexts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && areTexts(Object.values(value));
}

function areTexts(values: readonly unknown[]): boolean {
  return values.length <= MAX_ENTRIES && values.every((value) => typeof value === 'string');
}

const REFERENCE_TYPE = 'vnd.docker.reference.type';
const REFERENCE_DIGEST = 'vnd.docker.reference.digest';

/**
 * The image that an index entry attests, when the entry is one of BuildKit's attestation manifests
 * (buildkit docs/attestations/attestation-storage.md): such an entry has the platform unknown/unknown.
 */
export function attestedDigest(descriptor: Descriptor): string | undefined {
  const annotations = descriptor.annotations;
  return annotations?.[REFERENCE_TYPE] === 'attestation-manifest' ? annotations[REFERENCE_DIGEST] : undefined;
}
