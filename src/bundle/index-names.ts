import { referenceAnnotations } from '../archive/image-name.ts';
import type { Digest } from '../oci/digest.ts';
import { type Reference, type Tag, formatFamiliar, formatReference } from '../oci/reference.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const CONTAINERD_NAME = 'io.containerd.image.name';

export interface NamedRoot {
  readonly reference: Reference;
  readonly digest: Digest;
}

/**
 * What each tagged image is called in the index, and so by skopeo: its tag, `oci:DIR:1.27`; where several images have
 * that tag, name and tag, `oci:DIR:nginx:latest`.
 */
export function indexNames<I extends NamedRoot>(images: readonly I[]): ReadonlyMap<I, string> {
  const byTag = Map.groupBy(images, ({ reference }) => reference.tag);
  const names = new Map<I, string>();
  for (const image of images) {
    const { tag } = image.reference;
    if (tag === undefined) continue;
    const isOnly = byTag.get(tag)?.every(({ digest }) => digest === image.digest) === true;
    names.set(image, isOnly && byTag.get(tag)?.[0] === image ? tag : formatFamiliar(image.reference));
  }
  return names;
}

/** As docker and containerd, skopeo and umoci look for names. */
export function nameAnnotations(reference: Reference, name: string | undefined): Record<string, string> {
  const { tag } = reference;
  if (tag === undefined || name === undefined) return { [CONTAINERD_NAME]: formatReference(reference) };
  return { ...referenceAnnotations({ ...reference, tag: tag satisfies Tag }), [REF_NAME]: name };
}
