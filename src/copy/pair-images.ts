// Which image gets which name at a destination. Pure: what would go wrong with names is known before anything moves.
import type { Digest } from '../oci/digest.ts';
import { OciError } from '../oci/errors.ts';
import { type Tag, parseRepositoryName, parseTag } from '../oci/reference.ts';
import { type TemplateValues, expandTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';

/** An image as a source has it. */
export interface NamedImage {
  /** As people would write it, for messages. */
  readonly text: string;
  /** What templates may say of its repository; `undefined` where it has no name: an archive or a layout. */
  readonly values?: Omit<TemplateValues, 'tag'> | undefined;
  readonly tag?: Tag | undefined;
  readonly digest?: Digest | undefined;
}

/** What a destination calls its images. */
export interface Naming<I extends NamedImage = NamedImage> {
  /** The place, for messages and to tell places apart. */
  readonly place: string;
  /** A template, or what gives one for the image. `undefined`: the place has no names of repositories, only tags. */
  readonly repository?: string | ((image: I) => string) | undefined;
  /** A template; absent: the image's own tag. */
  readonly tag?: string | undefined;
  /** Throws OciError for what is no name there; a repository's name where nothing else is said. */
  readonly parse?: ((text: string) => string) | undefined;
}

export interface NewName {
  readonly repository?: string | undefined;
  /** Absent where the image came without one: it is then reached by its digest alone. */
  readonly tag?: Tag | undefined;
}

/**
 * The name of each image at the destination. Throws UsageError where two images would share one, where several
 * repositories would become one that does not speak of them, or where a name is not a legal one.
 */
export function nameImages<I extends NamedImage>(images: readonly I[], naming: Naming<I>): ReadonlyMap<I, NewName> {
  const names = new Map<I, NewName>();
  const owners = new Map<string, I>();
  const sources = new Map<string, I>();
  for (const image of images) {
    const name = nameOf(image, naming);
    const there = name.repository ?? '';
    refuseMixture(image, there, sources, naming);
    const key = `${there}:${name.tag ?? image.digest ?? ''}`;
    const owner = owners.get(key);
    if (owner !== undefined) {
      const shared = describe(name, naming.place);
      throw new UsageError(`${owner.text} and ${image.text} would both become ${shared}; give them names of their own`);
    }
    owners.set(key, image);
    names.set(image, name);
  }
  return names;
}

// Tags of two repositories in one are hardly ever meant, even where they happen to differ.
function refuseMixture(
  image: NamedImage,
  there: string,
  sources: Map<string, NamedImage>,
  { place }: Pick<Naming, 'place'>,
): void {
  const first = sources.get(there) ?? image;
  sources.set(there, first);
  const isSame =
    first.values?.repository === image.values?.repository && first.values?.upstream === image.values?.upstream;
  if (there === '' || isSame) return;
  throw new UsageError(
    `${first.text} and ${image.text} would both become ${place}${there}; end the destination with "/" to keep their names`,
  );
}

function nameOf<I extends NamedImage>(
  image: I,
  { repository, tag, place, parse = parseRepositoryName }: Naming<I>,
): NewName {
  const template = typeof repository === 'function' ? repository(image) : repository;
  const newTag = tag === undefined ? image.tag : legal(expandTag(tag, image), parseTag, image, place);
  const withTag = newTag === undefined ? {} : { tag: newTag };
  if (template === undefined) return withTag;
  return { repository: legal(expand(template, image, place), parse, image, place), ...withTag };
}

function expand(template: string, { values, tag, text }: NamedImage, place: string): string {
  if (values !== undefined) return expandTemplate(template, { ...values, tag });
  if (template !== '' && !template.endsWith('/') && !template.includes('{')) return template;
  throw new UsageError(`${text} has no name of its own; name it in full at ${place}, such as ${place}NAME:TAG`);
}

function expandTag(template: string, { values, tag }: NamedImage): string {
  if (!template.includes('{')) return template;
  return expandTemplate(template, { repository: '', name: '', ...values, tag });
}

function legal<T>(text: string, parse: (text: string) => T, image: NamedImage, place: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw new UsageError(`${image.text} would become ${place}${text}: ${error.message}`);
  }
}

function describe({ repository, tag }: NewName, place: string): string {
  return `${place}${repository ?? ''}${tag === undefined ? '' : `:${tag}`}`;
}
