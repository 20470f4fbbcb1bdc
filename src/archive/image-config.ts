import { z } from 'zod';
import type { BlobStore } from '../content/blob-store.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readAll } from '../streams/read-all.ts';

const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), {
  error: 'expected a digest',
});
const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(digest).nullish() }) });

/**
 * image-spec config.md, `rootfs.diff_ids`: what the uncompressed layers hash to, in their order. `image` is what the
 * image is called in the UsageError that is thrown when the config is none.
 */
export async function readDiffIds(blobs: BlobStore, config: Digest, image: string): Promise<readonly Digest[]> {
  await using blob = await blobs.open(config);
  if (blob === undefined) throw new UsageError(`${image} lacks its config ${config}`);
  if (blob.sizeBytes > MAX_CONFIG_BYTES) {
    throw new UsageError(
      `${image} has a config of ${blob.sizeBytes} bytes; more than ${MAX_CONFIG_BYTES} are not read`,
    );
  }
  const text = new TextDecoder().decode(await readAll(blob.stream(), MAX_CONFIG_BYTES));
  return parseJson(text, configSchema, `the config of ${image}`).rootfs.diff_ids ?? [];
}

/** Throws UsageError that calls the text `what`. */
export function parseJson<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${what} is not JSON`, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  // A key may hold what a terminal would obey.
  const where = JSON.stringify(issue?.path.join('.') ?? '').slice(0, 100);
  throw new UsageError(`${what} is invalid at ${where}: ${issue?.message ?? 'unreadable'}`);
}
