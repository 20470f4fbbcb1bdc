// Where copies go, as people write it: a place, and how images are called there.
import { DOCKER_HUB, isDomain, parseRepositoryName, parseTag } from '../oci/reference.ts';
import { checkTemplate } from '../oci/template.ts';
import { UsageError } from '../oci/usage-error.ts';
import { type LayoutLocation, parseLayout, splitArchive, splitRegistry, splitScheme } from './image-location.ts';

/** Names at the destination: both are templates (oci/template.ts). */
export interface NameTemplate {
  /** Absent: the place's own custom. */
  readonly repository?: string | undefined;
  /** Absent: the source's tag. */
  readonly tag?: string | undefined;
}

export type CopyDestination =
  /** `registry` as in references; with the scheme where one was written. */
  | { readonly kind: 'registry'; readonly registry: string; readonly name: NameTemplate }
  | { readonly kind: 'store'; readonly name: NameTemplate }
  | LayoutLocation
  | { readonly kind: 'docker-archive'; readonly file: string; readonly name: NameTemplate }
  | { readonly kind: 'docker-daemon'; readonly name: NameTemplate };

/**
 * Reads `reg.example.com`, `reg.example.com/xxx/`, `reg.example.com/xxx/nginx:1.27`, `http://old:5000/{name}`,
 * `store:`, `store:team/`, `store:NAME:TAG`, `oci:DIR[:TAG]`, `docker-archive:FILE[:NAME]` or `docker-daemon:[NAME]`.
 * Throws UsageError or OciError.
 */
export function parseCopyDestination(text: string): CopyDestination {
  if (text === 'store') return { kind: 'store', name: {} };
  const { scheme, rest } = splitScheme(text);
  if (scheme !== 'oci' && rest.includes('@')) {
    throw new UsageError(
      `the destination "${text}" has a digest, but what is copied decides that; name a tag or nothing`,
    );
  }
  if (rest.includes('*')) {
    throw new UsageError(
      `the destination "${text}" has a *; patterns are for sources, and {name} stands for their names`,
    );
  }
  switch (scheme) {
    case 'store':
      return { kind: 'store', name: parseName(rest) };
    case 'oci':
      return parseLayout(rest, text);
    case 'docker-archive': {
      const { file, name = '' } = splitArchive(rest, text);
      return { kind: 'docker-archive', file, name: parseImageName(name) };
    }
    case 'docker-daemon':
      return { kind: 'docker-daemon', name: parseImageName(rest) };
    case undefined:
      return parseRegistryDestination(rest, text);
  }
}

/** Whether names tell sources apart, so that one destination serves several repositories. */
export function takesManyNames({ repository }: NameTemplate): boolean {
  return repository === undefined || repository.endsWith('/') || /\{(?:name|repository)\}/.test(repository);
}

function parseRegistryDestination(written: string, text: string): CopyDestination {
  const { registry, path } = splitRegistry(written);
  if (registry !== undefined) {
    if (!isDomain(registry.replace(/^https?:\/\//, ''))) throw noRegistry(text);
    return { kind: 'registry', registry, name: parseName(path) };
  }
  const slash = path.indexOf('/');
  const first = slash < 0 ? path : path.slice(0, slash);
  if (slash < 0 && /^[^.:]+:\d+$/.test(first) && !first.startsWith('localhost:')) {
    throw new UsageError(`"${text}" could be a registry or an image; write ${first}/ for the registry`);
  }
  if (isHost(first)) {
    if (!isDomain(first)) throw noRegistry(text);
    return { kind: 'registry', registry: first, name: parseName(slash < 0 ? '' : path.slice(slash + 1), slash >= 0) };
  }
  if (slash < 0)
    throw new UsageError(`the destination "${text}" names no registry; write HOST/${text} or store:${text}`);
  return { kind: 'registry', registry: DOCKER_HUB, name: parseName(path) };
}

// As in references: what could not be a path component of docker.io.
function isHost(component: string): boolean {
  return component === 'localhost' || /[.:]/.test(component) || component !== component.toLowerCase();
}

function noRegistry(text: string): UsageError {
  return new UsageError(`"${text}" does not begin with a registry's host name; write HOST/NAME`);
}

/** A bare host keeps the paths that images have at their source; a slash behind it is an empty prefix. */
function parseName(text: string, isPrefix = false): NameTemplate {
  if (text === '') return isPrefix ? { repository: '{name}' } : {};
  const name = splitTag(text);
  checkName(name);
  if (isLiteral(name.repository)) parseRepositoryName(name.repository);
  return name;
}

/** A name as docker writes it, with or without a registry. */
function parseImageName(text: string): NameTemplate {
  if (text === '') return {};
  const name = splitTag(text);
  checkName(name);
  return name;
}

function splitTag(text: string): { readonly repository: string; readonly tag?: string } {
  const colon = text.lastIndexOf(':');
  if (colon <= text.lastIndexOf('/')) return { repository: text };
  return { repository: text.slice(0, colon), tag: text.slice(colon + 1) };
}

function checkName({ repository, tag }: { readonly repository: string; readonly tag?: string }): void {
  checkTemplate(repository);
  if (tag === undefined) return;
  checkTemplate(tag);
  if (!tag.includes('{')) parseTag(tag);
}

function isLiteral(repository: string): boolean {
  return !repository.includes('{') && !repository.endsWith('/');
}
