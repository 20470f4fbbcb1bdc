// registries.yaml of k3s and RKE2, as a document that keeps its comments.
import { type Document, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { ClientFile } from '../client-configuration.ts';
import { leftAsItIs } from './left-as-it-is.ts';

interface Registries {
  readonly mirrors: Readonly<Record<string, { readonly endpoint: readonly string[] }>>;
  readonly configs?: Readonly<Record<string, { readonly tls: { readonly ca_file: string } }>>;
}

export function mergeRegistriesYaml(existing: string, { path, text }: ClientFile): string {
  const document = read(existing, path);
  const ours = parseDocument(text).toJS() as Registries;
  let isChanged = false;
  const set = (keys: readonly string[], value: unknown) => {
    document.setIn(keys, document.createNode(value));
    isChanged = true;
  };
  for (const [name, { endpoint }] of Object.entries(ours.mirrors)) {
    const theirs = endpointsIn(document, name, path);
    const merged = [...endpoint, ...theirs.filter((each) => !endpoint.some((own) => isSameEndpoint(own, each)))];
    if (JSON.stringify(merged) !== JSON.stringify(theirs)) set(['mirrors', name, 'endpoint'], merged);
  }
  for (const [host, { tls }] of Object.entries(ours.configs ?? {})) {
    mapIn(document, ['configs', host, 'tls'], path);
    const keys = ['configs', host, 'tls', 'ca_file'];
    if (document.getIn(keys) !== tls.ca_file) set(keys, tls.ca_file);
  }
  return isChanged ? document.toString({ lineWidth: 0 }) : existing;
}

function read(text: string, path: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error?.code === 'MULTIPLE_DOCS') throw leftAsItIs(path, 'it holds several documents');
  // Behind the colon is the line itself.
  if (error !== undefined) throw leftAsItIs(path, `it is no YAML: ${error.message.split(':\n')[0]}`);
  if (document.contents !== null && !isMap(document.contents))
    throw leftAsItIs(path, 'it is no map of mirrors and configs');
  return document;
}

function endpointsIn(document: Document, name: string, path: string): string[] {
  mapIn(document, ['mirrors', name], path);
  const where = `mirrors.${name}`;
  const rewrite = document.getIn(['mirrors', name, 'rewrite']);
  if (isMap(rewrite) && rewrite.items.length > 0) {
    throw leftAsItIs(
      path,
      `${where} has a rewrite, which would change the names at our endpoints too; put it into the address of their endpoint, as https://HOST/v2/PREFIX`,
    );
  }
  const endpoints = document.getIn(['mirrors', name, 'endpoint']);
  if (endpoints === undefined || endpoints === null) return [];
  if (!isSeq(endpoints)) throw leftAsItIs(path, `${where}.endpoint is no list`);
  return endpoints.items.map((item) => {
    if (isScalar(item) && typeof item.value === 'string') return item.value;
    throw leftAsItIs(path, `${where}.endpoint holds something else than addresses`);
  });
}

/** Makes a way of maps, so that something can be set in the last one. */
function mapIn(document: Document, keys: readonly string[], path: string): void {
  for (let length = 1; length <= keys.length; length++) {
    const way = keys.slice(0, length);
    const node = document.getIn(way, true);
    if (isMap(node)) continue;
    if (node !== undefined && node !== null && !(isScalar(node) && node.value === null)) {
      throw leftAsItIs(path, `${way.join('.')} is no map of its own`);
    }
    // Nothing at all, or a key without a value.
    document.setIn(way, document.createNode({}));
  }
}

function isSameEndpoint(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '');
}
