// Names of images as docker reads them: distribution/reference's grammar and its rules for docker.io.
import { type Digest, parseDigest } from './digest.ts';
import { OciError } from './errors.ts';

declare const repositoryBrand: unique symbol;
declare const tagBrand: unique symbol;

/** A repository's path without its registry: `library/nginx`. distribution-spec §Pulling manifests, `<name>`. */
export type RepositoryName = string & { readonly [repositoryBrand]: true };
/** distribution-spec §Pulling manifests, `<reference>` as a tag. */
export type Tag = string & { readonly [tagBrand]: true };

export interface Reference {
  /** `docker.io`, `ghcr.io`, `localhost:5000`, … */
  readonly domain: string;
  readonly repository: RepositoryName;
  readonly tag?: Tag;
  /** When there is a digest, it decides and the tag is only a remark. */
  readonly digest?: Digest;
}

export const DOCKER_HUB = 'docker.io';
const LATEST = 'latest' as Tag;

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = new RegExp(`^(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const MAX_REPOSITORY_LENGTH = 255;

/** Throws NAME_INVALID. */
export function parseRepositoryName(text: string): RepositoryName {
  if (!isRepositoryName(text)) {
    throw new OciError('NAME_INVALID', `"${text.slice(0, 300)}" is not a repository name`);
  }
  return text;
}

export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_REPOSITORY_LENGTH && REPOSITORY.test(text);
}

/** Throws TAG_INVALID. */
export function parseTag(text: string): Tag {
  if (!isTag(text)) throw new OciError('TAG_INVALID', `"${text.slice(0, 200)}" is not a tag`);
  return text;
}

export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/** A tag cannot hold a colon, a digest always does: distribution-spec §Pulling manifests. */
export function parseTagOrDigest(text: string): Tag | Digest {
  return text.includes(':') ? parseDigest(text) : parseTag(text);
}

/**
 * Reads what a person types: `nginx`, `a/b:1`, `reg:5000/x@sha256:…`; a leading `docker://` is ignored.
 * Neither tag nor digest means `:latest`. Throws NAME_INVALID, TAG_INVALID or DIGEST_INVALID.
 */
export function parseReference(text: string): Reference {
  const reference = parseUntaggedReference(text);
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: LATEST } : reference;
}

/** As `parseReference`, but a name without a tag stays without one: where that means "all tags". */
export function parseUntaggedReference(text: string): Reference {
  const written = text.startsWith('docker://') ? text.slice('docker://'.length) : text;
  if (/^[0-9a-f]{64}$/.test(written)) {
    throw new OciError('NAME_INVALID', `"${written}" is a bare digest; write NAME@sha256:${written}`);
  }
  const [named, digest] = splitDigest(written);
  const [domain, remainder] = splitDomain(named);
  const [path, tag] = splitTag(remainder);
  if (path === '') throw new OciError('NAME_INVALID', `"${text}" names no repository`);
  const repository = parseRepositoryName(domain === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path);
  return {
    domain,
    repository,
    ...(tag !== undefined && { tag: parseTag(tag) }),
    ...(digest !== undefined && { digest: parseDigest(digest) }),
  };
}

/** The canonical spelling: `docker.io/library/nginx:latest`. */
export function formatReference(reference: Reference): string {
  return `${reference.domain}/${reference.repository}${suffixOf(reference)}`;
}

/** The short spelling that docker prints: `nginx:latest`, `a/b:1`, `ghcr.io/o/x:1`. */
export function formatFamiliar(reference: Reference): string {
  return familiarName(reference.domain, reference.repository) + suffixOf(reference);
}

/** `nginx` for docker.io's `library/nginx`, `a/b` for its `a/b`, and the full name for all others. */
export function familiarName(domain: string, repository: RepositoryName): string {
  const official = repository.startsWith('library/') ? repository.slice('library/'.length) : undefined;
  if (domain !== DOCKER_HUB) return `${domain}/${repository}`;
  if (official !== undefined && !official.includes('/')) return official;
  // A first component such as `a.b` would be read as a registry.
  return isRegistryName(repository.slice(0, repository.indexOf('/'))) ? `${domain}/${repository}` : repository;
}

export function isDomain(text: string): boolean {
  return DOMAIN.test(text);
}

function suffixOf({ tag, digest }: Reference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

function splitDigest(text: string): [named: string, digest: string | undefined] {
  const at = text.indexOf('@');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

// What stands before the first slash is a registry only if it could not be a path component of docker.io.
function splitDomain(named: string): [domain: string, remainder: string] {
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  if (!isRegistryName(first)) return [DOCKER_HUB, named];
  if (!isDomain(first)) throw new OciError('NAME_INVALID', `"${first}" is not a registry's host name`);
  return [first === 'index.docker.io' ? DOCKER_HUB : first, named.slice(slash + 1)];
}

function isRegistryName(component: string): boolean {
  return component === 'localhost' || /[.:]/.test(component) || component !== component.toLowerCase();
}

function splitTag(remainder: string): [path: string, tag: string | undefined] {
  const colon = remainder.lastIndexOf(':');
  return colon < 0 ? [remainder, undefined] : [remainder.slice(0, colon), remainder.slice(colon + 1)];
}
