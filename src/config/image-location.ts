// Where images are, as people write it: a registry, the store, an image layout, an archive, the docker daemon.
import type { Digest } from '../oci/digest.ts';
import { type Pattern, parsePattern } from '../oci/pattern.ts';
import { DOCKER_HUB, type Reference, type RepositoryName, type Tag } from '../oci/reference.ts';
import { parseRepositoryName, parseTag, parseUntaggedReference } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { closest } from './did-you-mean.ts';

/** One image, or with `pattern` all that match it: of one repository where that is given, else of any. */
export interface ImageChoice {
  readonly repository?: RepositoryName | undefined;
  /** Neither tag nor digest nor pattern means `latest`. */
  readonly tag?: Tag | undefined;
  /** When there is a digest, it decides and the tag is only a remark. */
  readonly digest?: Digest | undefined;
  readonly pattern?: Pattern | undefined;
}

export type ImageLocation =
  /** `registry` as in references, `docker.io`; with the scheme where one was written, `http://old:5000`. */
  | { readonly kind: 'registry'; readonly registry: string; readonly images: ImageChoice }
  | { readonly kind: 'store'; readonly images: ImageChoice }
  | LayoutLocation
  | { readonly kind: 'docker-archive'; readonly file: string; readonly reference?: Reference | undefined }
  | { readonly kind: 'docker-daemon'; readonly reference: Reference };

export interface LayoutLocation {
  readonly kind: 'oci';
  readonly folder: string;
  readonly tag?: Tag | undefined;
}

export type LocationScheme = 'store' | 'oci' | 'docker-archive' | 'docker-daemon';

const SCHEMES: readonly LocationScheme[] = ['store', 'oci', 'docker-archive', 'docker-daemon'];

/**
 * Reads `nginx:1.27`, `http://old:5000/x@sha256:…`, `reg.example.com/team/*:v1.*`, `store:NAME[:TAG|@DIGEST]`,
 * `oci:DIR[:TAG]`, `docker-archive:FILE[:REFERENCE]` or `docker-daemon:NAME`. Throws UsageError or OciError.
 */
export function parseImageLocation(text: string): ImageLocation {
  const { scheme, rest } = splitScheme(text);
  switch (scheme) {
    case 'store':
      return { kind: 'store', images: parseStoredImages(rest, text) };
    case 'oci':
      return parseLayout(rest, text);
    case 'docker-archive':
      return parseArchive(rest, text);
    case 'docker-daemon':
      return { kind: 'docker-daemon', reference: parseDaemonReference(rest, text) };
    case undefined:
      return parseRegistryImages(rest, text);
  }
}

/** `docker://` is ignored, and `store:` read as the store even though an image could be called so. */
export function splitScheme(text: string): { readonly scheme: LocationScheme | undefined; readonly rest: string } {
  if (text.startsWith('docker://')) return { scheme: undefined, rest: text.slice('docker://'.length) };
  const [, word, rest = ''] = /^([A-Za-z][A-Za-z_-]*):(.*)$/s.exec(text) ?? [];
  const scheme = SCHEMES.find((known) => known === word);
  if (scheme === undefined) refuseMistyped(text, word, rest);
  return scheme === undefined ? { scheme, rest: text } : { scheme, rest };
}

/**
 * `DIR[:TAG]`: a tag has no slash, so it begins after the last colon of the last path component. A folder whose own name
 * has a colon is written with a slash at its end: `oci:./a:b/`.
 */
export function parseLayout(rest: string, text: string): LayoutLocation {
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const folder = hasTag ? rest.slice(0, colon) : rest;
  if (folder === '') throw new UsageError(`"${text}" names no folder; write oci:DIR or oci:DIR:TAG`);
  return { kind: 'oci', folder, ...(hasTag && { tag: parseTag(rest.slice(colon + 1)) }) };
}

/** `FILE[:REST]`: as with other tools the first colon ends the file's name, as references have colons of their own. */
export function splitArchive(rest: string, text: string): { readonly file: string; readonly name: string | undefined } {
  const colon = rest.indexOf(':');
  const file = colon < 0 ? rest : rest.slice(0, colon);
  if (file === '')
    throw new UsageError(`"${text}" names no file; write docker-archive:FILE or docker-archive:FILE:NAME`);
  return { file, name: colon < 0 ? undefined : rest.slice(colon + 1) };
}

/** `http://old:5000/x` is `http://old:5000` and `x`; `nginx` is docker.io and `nginx`. */
export function splitRegistry(written: string): { readonly registry: string | undefined; readonly path: string } {
  const [, url, host, after = ''] = /^(https?:\/\/([^/]*))(?:\/(.*))?$/s.exec(written) ?? [];
  if (url !== undefined && host !== DOCKER_HUB && host !== 'index.docker.io') return { registry: url, path: after };
  return { registry: undefined, path: url === undefined ? written : `${DOCKER_HUB}/${after}` };
}

function parseRegistryImages(written: string, text: string): ImageLocation {
  const { registry, path } = splitRegistry(written);
  if (registry !== undefined && path === '') {
    throw new UsageError(
      `"${text}" names a registry and no image; write ${registry}/NAME, or '${registry}/**' for all`,
    );
  }
  // Only a host that came with its scheme is split off already: any host does for reading the rest.
  const whole = registry === undefined ? path : `localhost/${path}`;
  if (!whole.includes('*')) {
    const { domain, ...image } = parseUntaggedReference(whole);
    return { kind: 'registry', registry: registry ?? domain, images: image };
  }
  if (whole.includes('@')) throw new UsageError(`"${text}" has both a pattern and a digest; write one of them`);
  // The host decides as in any reference, and so does `library/`: stars are put back afterwards.
  const { domain, repository } = parseUntaggedReference(whole.replace(/(:[^/:]*)?$/, '').replaceAll('*', STAND_IN));
  if (domain.includes(STAND_IN)) throw new UsageError(`"${text}" has a * in its host; name one registry`);
  const name = repository.replaceAll(STAND_IN, '*');
  return { kind: 'registry', registry: registry ?? domain, images: parseChoice(name + tagPartOf(whole)) };
}

/** What a star is while the host is told from the path; a legal part of any path component. */
const STAND_IN = 'x0star0x';

function tagPartOf(name: string): string {
  return /:[^/:]*$/.exec(name)?.[0] ?? '';
}

function parseStoredImages(rest: string, text: string): ImageChoice {
  if (rest === '') throw new UsageError(`"${text}" names no image; write store:NAME:TAG, or 'store:**' for all`);
  if (rest.includes('*')) return parseChoice(rest);
  const { repository, tag, digest } = parseUntaggedReference(`localhost/${rest}`);
  return { repository, tag, digest };
}

function parseChoice(name: string): ImageChoice {
  const pattern = parsePattern(name);
  const path = name.slice(0, name.length - tagPartOf(name).length);
  return { pattern, ...(!path.includes('*') && { repository: parseRepositoryName(path) }) };
}

function parseArchive(rest: string, text: string): ImageLocation {
  const { file, name } = splitArchive(rest, text);
  return { kind: 'docker-archive', file, ...(name !== undefined && { reference: parseUntaggedReference(name) }) };
}

function parseDaemonReference(rest: string, text: string): Reference {
  if (rest === '') throw new UsageError(`"${text}" names no image; write docker-daemon:NAME:TAG`);
  const reference = parseUntaggedReference(rest);
  if (reference.digest === undefined) return reference;
  throw new UsageError(`"${text}" has a digest, but a docker daemon gives images by name only; write NAME:TAG`);
}

// `word:rest` is an image with a tag, or a registry with its port, or else meant as something that there is not.
function refuseMistyped(text: string, word: string | undefined, rest: string): void {
  if (word === undefined || /^https?$/.test(word)) return;
  const isName = /^\w[\w.-]*(?:@.*)?$/.test(rest) || /^[\d*]+(?:\/|$)/.test(rest) || rest.includes('*');
  const meant = closest(word, SCHEMES);
  // Nobody's image is called docker-archiv, but one may well be called stork.
  if (isName && (meant === undefined || !meant.startsWith('docker-'))) return;
  const hint = meant === undefined ? '' : `; did you mean ${meant}:?`;
  throw new UsageError(
    `"${text}" begins with "${word}:", which is no kind of place; there are store:, oci:, docker-archive: and docker-daemon:${hint}`,
  );
}
