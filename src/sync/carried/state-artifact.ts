// The state of a job as an OCI artifact: image-spec manifest.md §Guidelines for Artifact Usage. Registries that know no
// artifacts get the same bytes as the one layer of an image, which nobody can run.
import { type Descriptor, descriptorSchema } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { OciError } from '../../oci/errors.ts';
import { type Manifest, readManifest } from '../../oci/manifest.ts';
import { MEDIA_TYPES } from '../../oci/media-type.ts';
import type { Tag } from '../../oci/reference.ts';
import type { Call, Target } from '../../oci/repository.ts';
import { RemoteError } from '../../remote/remote-error.ts';
import { readAll } from '../../streams/read-all.ts';
import { MAX_STATE_BYTES, UnusableState } from './snapshot-lines.ts';

const STATE_TYPE = 'application/vnd.wharf.job-state.v1+json';
const LINES_TYPE = 'application/vnd.wharf.job-state.v1.jsonl+zstd';
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+zstd';
/** Tells our image from one of somebody else, where there are no artifact types. */
const MARK = 'vnd.wharf.job-state';
const EMPTY = new TextEncoder().encode('{}');

/** Throws RemoteError, also when there is none, and UnusableState for what is none of ours or too long. */
export async function readState(repository: Target, digest: Digest, call: Call): Promise<Uint8Array> {
  const { content } = readManifest((await repository.manifest(digest, call)).bytes);
  const isOurs = content.artifactType === STATE_TYPE || content.annotations?.[MARK] !== undefined;
  const [layer, ...others] = content.kind === 'image' && isOurs ? content.layers : [];
  if (layer === undefined || others.length > 0) throw new UnusableState('is something else');
  if (layer.size > MAX_STATE_BYTES) throw new UnusableState(`is ${layer.size} bytes long`);
  const { body } = await repository.blob(layer.digest, { ...call, sizeBytes: layer.size });
  try {
    return await readAll(body, MAX_STATE_BYTES);
  } catch (cause) {
    if (cause instanceof OciError) throw new UnusableState('is longer than it said', { cause });
    throw cause;
  }
}

/** Throws RemoteError. */
export async function writeState(
  repository: Target,
  tag: Tag,
  bytes: Uint8Array,
  { createdAt, ...call }: Call & { readonly createdAt: Date },
): Promise<void> {
  const created = createdAt.toISOString();
  await push(repository, bytes, call);
  try {
    await push(repository, EMPTY, call);
    await repository.put(artifact(bytes, created), [tag], call);
  } catch (error) {
    if (!(error instanceof RemoteError) || !isRefusalOfKind(error)) throw error;
    const config = configOf(bytes);
    await push(repository, config, call);
    await repository.put(image(bytes, config, created), [tag], call);
  }
}

/** A manifest that the registry understood and does not want. */
function isRefusalOfKind({ code, status }: RemoteError): boolean {
  return code === 'MANIFEST_INVALID' || code === 'UNSUPPORTED' || status === 400 || status === 415 || status === 422;
}

function artifact(bytes: Uint8Array, created: string): Manifest {
  return manifestOf({
    artifactType: STATE_TYPE,
    config: describe(EMPTY, EMPTY_TYPE),
    layers: [describe(bytes, LINES_TYPE)],
    annotations: { 'org.opencontainers.image.created': created },
  });
}

function image(bytes: Uint8Array, config: Uint8Array, created: string): Manifest {
  return manifestOf({
    config: describe(config, MEDIA_TYPES.ociConfig),
    layers: [describe(bytes, LAYER_TYPE)],
    annotations: { [MARK]: 'v1', 'org.opencontainers.image.created': created },
  });
}

function configOf(bytes: Uint8Array): Uint8Array {
  const rootfs = { type: 'layers', diff_ids: [digestOf(bytes)] };
  return new TextEncoder().encode(JSON.stringify({ architecture: 'unknown', os: 'unknown', rootfs }));
}

function manifestOf(content: Readonly<Record<string, unknown>>): Manifest {
  const mediaType = MEDIA_TYPES.ociImage;
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...content }));
  return { digest: digestOf(bytes), mediaType, bytes };
}

function describe(bytes: Uint8Array, mediaType: string): Descriptor {
  return descriptorSchema.parse({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });
}

async function push(repository: Target, bytes: Uint8Array, call: Call): Promise<void> {
  await repository.push(describe(bytes, 'application/octet-stream'), () => Promise.resolve(streamOf(bytes)), call);
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}
