// A list of images as text: what people write by hand, and what `wharf catalog` prints in both of its forms.
import { OciError } from '../oci/errors.ts';
import {
  familiarName,
  parseTag,
  parseUntaggedReference,
  type Reference,
  type RepositoryName,
  type Tag,
} from '../oci/reference.ts';
import type { Call } from '../oci/repository.ts';
import type { Catalog, CatalogImage, CatalogListing, CatalogProblem } from './catalog.ts';
import { type ListedRepository, listRepositories } from './listed-repositories.ts';
import type { ListTags } from './tag-list.ts';
import { withoutRepeats } from './union-catalog.ts';

/** One line of a list. */
interface ImageListEntry {
  /** 1-based. */
  readonly line: number;
  /** As written: with the first tag, with a digest, or with neither. */
  readonly reference: Reference;
  /** All tags of the line, each once. Empty where the line gives none, and leaves it to the reader what that means. */
  readonly tags: readonly Tag[];
}

export interface ImageList {
  readonly entries: readonly ImageListEntry[];
  readonly problems: readonly CatalogProblem[];
}

/** Reads `NAME`, `NAME:TAG`, `NAME:TAG,TAG…` or `NAME@DIGEST`, one a line; what follows a `#` is a comment. */
export function parseImageList(text: string, file: string): ImageList {
  const entries: ImageListEntry[] = [];
  const problems: CatalogProblem[] = [];
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const [index, written] of lines.entries()) {
    const content = written.replace(/(?:^|\s)#.*/, '').trim();
    const line = index + 1;
    try {
      if (content !== '') entries.push({ line, ...parseLine(content) });
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      problems.push({ file, line, message: `${error.message.slice(0, 300)}; write NAME, NAME:TAG or NAME:TAG,TAG` });
    }
  }
  return { entries, problems };
}

export interface ListCatalogOptions {
  /** What the list is, for messages. */
  readonly description: string;
  /** The registry that the catalog is of: `docker.io`. Lines that name another one are problems. */
  readonly upstream: string;
  /** Called for each listing. `file` is what problems name. */
  readonly read: (call: Call) => Promise<{ text: string; file: string }>;
  /** For lines without a tag. */
  readonly listTags: ListTags;
}

/**
 * The catalog of a list. A name without a tag means all its tags. Each tag that a line gives is an image of its own, even
 * when it gives several: whether they mean the same is for the registry to say, at the time of asking.
 */
export function listCatalog({ description, upstream, read, listTags }: ListCatalogOptions): Catalog {
  return {
    description,
    async list(call: Call = {}): Promise<CatalogListing> {
      const { text, file } = await read(call);
      const { entries, problems } = parseImageList(text, file);
      const fit = entries.filter((entry) => whyUnfit(entry, upstream) === undefined);
      const whole = fit.filter(({ tags }) => tags.length === 0).map(({ reference }) => reference.repository);
      const listed = await listRepositories(whole, { upstream, listTags }, call);
      const unlisted = entries.flatMap((entry): CatalogProblem[] => {
        const message = whyUnfit(entry, upstream) ?? whyUnlisted(entry, upstream, listed);
        return message === undefined ? [] : [{ file, line: entry.line, message }];
      });
      return {
        images: withoutRepeats(fit.flatMap((entry) => imagesOf(entry, listed))),
        problems: [...problems, ...unlisted].sort(byLine),
        notices: [],
      };
    },
  };
}

function parseLine(content: string): Omit<ImageListEntry, 'line'> {
  const [first = '', ...more] = content.split(',');
  const reference = parseUntaggedReference(first);
  if (more.length > 0 && (reference.tag === undefined || reference.digest !== undefined)) {
    throw new OciError('TAG_INVALID', `"${first}" stands before a comma, but does not end in a tag`);
  }
  const tags = [...(reference.tag === undefined ? [] : [reference.tag]), ...more.map(parseTag)];
  return { reference, tags: [...new Set(tags)] };
}

function whyUnfit({ reference }: ImageListEntry, upstream: string): string | undefined {
  const name = familiarName(reference.domain, reference.repository);
  if (reference.domain !== upstream) {
    return `"${name}" is an image of ${reference.domain}, but this catalog is of ${upstream}; put it in a list of its own`;
  }
  if (reference.digest === undefined) return undefined;
  return `"${name}" is given by digest, but a catalog wants tags; name a tag, or copy the digest by itself`;
}

function whyUnlisted({ reference, tags }: ImageListEntry, upstream: string, listed: Listed): string | undefined {
  const found = listed.get(reference.repository);
  if (tags.length > 0 || found?.images !== undefined) return undefined;
  const why = found?.error?.message ?? `${upstream} has no such repository, or shows it to nobody without a login`;
  return `the tags of "${familiarName(reference.domain, reference.repository)}" could not be listed: ${why}`;
}

type Listed = ReadonlyMap<RepositoryName, ListedRepository>;

function imagesOf(
  { reference: { domain, repository }, tags }: ImageListEntry,
  listed: Listed,
): readonly CatalogImage[] {
  if (tags.length === 0) return listed.get(repository)?.images ?? [];
  const name = familiarName(domain, repository);
  return tags.map((tag) => ({ repository, name, tags: [tag], platforms: [] }));
}

function byLine(a: CatalogProblem, b: CatalogProblem): number {
  return (a.line ?? 0) - (b.line ?? 0);
}
