// What becomes of the entries of a layout's index. Whatever is not concerned stays as it is, what others wrote too.
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Tag } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { namesOf, referenceOf, tagAnnotations, tagsOf, withoutName } from './image-name.ts';

type Entries = readonly Descriptor[];

const OUR_FIELDS: ReadonlySet<string> = new Set(['mediaType', 'digest', 'size']);

/** The tag means `root` now. Throws UsageError when the tag could be several images'. */
export function withTag(entries: Entries, tag: Tag, root: Descriptor): Entries {
  refuseAmbiguous(entries, tag);
  if (entries.some((entry) => entry.digest === root.digest && tagsOf(entry).includes(tag))) return entries;
  const moved = entries.flatMap((entry) => {
    if (!tagsOf(entry).includes(tag)) return [entry];
    return isOnly(entry, tag) ? [{ ...root, annotations: namesOf(entry) }] : [withoutName(entry, tag)];
  });
  const isThere = moved.some((entry) => entry.digest === root.digest && tagsOf(entry).includes(tag));
  return isThere ? moved : [...moved, { ...root, annotations: tagAnnotations(tag) }];
}

/** An entry of the tag alone goes; one of several names loses this one. Throws as `withTag` does. */
export function withoutTag(entries: Entries, tag: Tag): Entries {
  refuseAmbiguous(entries, tag);
  if (!entries.some((entry) => tagsOf(entry).includes(tag))) return entries;
  return entries.flatMap((entry) => {
    if (!tagsOf(entry).includes(tag)) return [entry];
    return isOnly(entry, tag) ? [] : [withoutName(entry, tag)];
  });
}

/** Without the entries of these images that say no more than that they are there. */
export function withoutBare(entries: Entries, digests: ReadonlySet<Digest>): Entries {
  const isKept = (entry: Descriptor) => !isBare(entry) || !digests.has(entry.digest);
  return entries.every(isKept) ? entries : entries.filter(isKept);
}

function isBare(entry: Descriptor): boolean {
  return Object.keys(entry).every((field) => OUR_FIELDS.has(field));
}

function isOnly(entry: Descriptor, tag: Tag): boolean {
  return tagsOf(entry).every((other) => other === tag);
}

// Two images of two repositories may have one tag, and a tag alone does not say which.
function refuseAmbiguous(entries: Entries, tag: Tag): void {
  const found = entries.filter((entry) => tagsOf(entry).includes(tag));
  if (new Set(found.map(({ digest }) => digest)).size <= 1) return;
  const names = found.map((entry) => referenceOf(entry) ?? entry.digest);
  throw new UsageError(`the layout has several images of the tag ${tag}, so it cannot be moved: ${names.join(', ')}`);
}
