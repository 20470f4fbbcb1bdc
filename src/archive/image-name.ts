// How an entry of an index says its name. image-spec, annotations.md: org.opencontainers.image.ref.name; skopeo and
// umoci write a tag there, others a whole reference. docker and containerd have the whole reference beside it.
import type { Descriptor } from '../oci/descriptor.ts';
import { OciError } from '../oci/errors.ts';
import {
  type Reference,
  type Tag,
  formatFamiliar,
  formatReference,
  isTag,
  parseReference,
  parseUntaggedReference,
} from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const CONTAINERD_NAME = 'io.containerd.image.name';

/** Every tag that the entry can be found by, the plainest first. */
export function tagsOf({ annotations }: Descriptor): readonly Tag[] {
  const name = annotations?.[REF_NAME];
  const tags = [name !== undefined && isTag(name) ? name : read(name)?.tag, read(annotations?.[CONTAINERD_NAME])?.tag];
  return tags.filter((tag) => tag !== undefined);
}

/** As docker prints it: `nginx:1.27`. `undefined` when the entry has no more than a tag. */
export function referenceOf({ annotations }: Descriptor): string | undefined {
  const name = annotations?.[REF_NAME];
  const reference =
    read(annotations?.[CONTAINERD_NAME]) ?? (name !== undefined && !isTag(name) ? read(name) : undefined);
  return reference && formatFamiliar(reference);
}

/** What of an entry's annotations is its name, and so stays when the name comes to mean another image. */
export function namesOf({ annotations = {} }: Descriptor): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key === REF_NAME || key === CONTAINERD_NAME));
}

/** The entry without those of its names that say the tag. */
export function withoutName(descriptor: Descriptor, tag: Tag): Descriptor {
  const kept = Object.entries(descriptor.annotations ?? {}).filter(
    ([key, value]) => !tagsOf({ ...descriptor, annotations: { [key]: value } }).includes(tag),
  );
  return { ...descriptor, annotations: Object.fromEntries(kept) };
}

export function tagAnnotations(tag: Tag): Record<string, string> {
  return { [REF_NAME]: tag };
}

/** As docker since 25 writes them, so that both kinds of readers find it. */
export function referenceAnnotations(reference: TaggedReference): Record<string, string> {
  return { [CONTAINERD_NAME]: formatReference(reference), [REF_NAME]: reference.tag };
}

export interface TaggedReference extends Reference {
  readonly tag: Tag;
}

/** `nginx` means `nginx:latest`. Throws UsageError for what is no name of an image, or a name by digest. */
export function parseTaggedReference(text: string): TaggedReference {
  const { tag, digest, ...reference } = readOrRefuse(text);
  if (tag === undefined || digest !== undefined) {
    throw new UsageError(`${quote(text)} names an image by its digest; here it takes a tag, as in nginx:1.27`);
  }
  return { ...reference, tag };
}

/** What comes from outside may hold anything, and be of any length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function readOrRefuse(text: string): Reference {
  try {
    return parseReference(text);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw new UsageError(`${quote(text)} is not the name of an image; write it as in nginx:1.27`, { cause });
  }
}

function read(name: string | undefined): Reference | undefined {
  if (name === undefined) return undefined;
  try {
    return parseUntaggedReference(name);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    return undefined;
  }
}
