import type { CatalogImage } from '../catalog/catalog.ts';
import { type Pattern, parsePattern } from '../oci/pattern.ts';
import type { Tag } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { LinearRegExp } from './linear-regexp/linear-regexp.ts';

/**
 * What images are chosen by. One with an `expression` speaks of `NAME:TAG` as a whole: by itself a name, or a tag, then
 * always may match.
 */
export interface ImagePattern extends Pattern {
  readonly expression?: LinearRegExp | undefined;
}

/**
 * Reads `NAME` or `NAME:TAG` with stars, or a regular expression between slashes, where no name has one. Throws
 * UsageError.
 */
export function parseImagePattern(text: string): ImagePattern {
  const [, source] = /^\/(.*)\/$/s.exec(text) ?? [];
  if (source === undefined) return parsePattern(text);
  try {
    const expression = new LinearRegExp(source);
    return { text, hasTag: true, matchesName: () => true, matchesTag: () => true, expression };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`${text.slice(0, 300)} is not a regular expression that can be used here: ${error.message}`);
  }
}

/** By the name as people write it, or by the path at the upstream. */
export function matchesImage(pattern: ImagePattern, { name, repository }: CatalogImage, tag: Tag): boolean {
  const { expression } = pattern;
  if (expression !== undefined) {
    return expression.test(`${name}:${tag}`) || (repository !== name && expression.test(`${repository}:${tag}`));
  }
  return (pattern.matchesName(name) || pattern.matchesName(repository)) && pattern.matchesTag(tag);
}
