// Puts mirrors into files that people wrote, and leaves all else as it is. Pure.
import { isMap, isSeq, parseDocument } from 'yaml';
import { UsageError } from '../oci/usage-error.ts';

export interface MirrorEntry {
  readonly url: string;
  /** A template; `{repository}` need not be written. */
  readonly repository: string;
}

/** The text of a wharf.yaml with the mirrors of each upstream, those first that it has. Throws UsageError. */
export function addMirrorsToConfig(
  text: string,
  file: string,
  mirrors: ReadonlyMap<string, readonly MirrorEntry[]>,
): string {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new UsageError(`${file} is left as it is, as it is no YAML: ${error.message}`);
  if (document.contents !== null && !isMap(document.contents)) {
    throw new UsageError(`${file} is left as it is, as it is no map of settings`);
  }
  for (const [upstream, entries] of mirrors) {
    const settings = document.getIn(['upstreams', upstream]);
    const known = document.getIn(['upstreams', upstream, 'mirrors']);
    const isOdd =
      (settings !== undefined && settings !== null && !isMap(settings)) || (known !== undefined && !isSeq(known));
    if (isOdd) throw new UsageError(`${file} is left as it is, as upstreams.${upstream}.mirrors cannot be added to`);
    const urls = urlsIn(known === undefined ? [] : (known as { toJSON(): unknown }).toJSON());
    for (const { url, repository } of entries) {
      if (urls.has(url)) continue;
      const entry = { url, ...(repository !== '{repository}' && { repository }) };
      const path = ['upstreams', upstream, 'mirrors'];
      if (document.hasIn(path)) document.addIn(path, document.createNode(entry, { flow: true }));
      else document.setIn(path, document.createNode([entry]));
      urls.add(url);
    }
  }
  return document.toString({ lineWidth: 120 });
}

/** The text of docker's daemon.json with the registry mirrors, those first that it has. Throws UsageError. */
export function addMirrorsToDaemon(text: string, file: string, urls: readonly string[]): string {
  let settings: unknown;
  try {
    settings = text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is left as it is, as it is no JSON: ${(error as Error).message}`);
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    throw new UsageError(`${file} is left as it is, as it holds no JSON object`);
  }
  const { 'registry-mirrors': known = [], ...others } = settings as Record<string, unknown>;
  if (!Array.isArray(known)) throw new UsageError(`${file} is left as it is, as its registry-mirrors are no list`);
  const withoutSlash = (url: unknown) => String(url).replace(/\/$/, '');
  const news = urls.filter((url) => !known.some((each) => withoutSlash(each) === url));
  return `${JSON.stringify({ ...others, 'registry-mirrors': [...(known as unknown[]), ...news] }, undefined, 2)}\n`;
}

function urlsIn(entries: unknown): Set<string> {
  const list = Array.isArray(entries) ? (entries as unknown[]) : [];
  return new Set(list.flatMap((entry) => (isEntry(entry) ? [entry.url.replace(/\/$/, '')] : [])));
}

function isEntry(entry: unknown): entry is { readonly url: string } {
  return typeof entry === 'object' && entry !== null && 'url' in entry && typeof entry.url === 'string';
}
