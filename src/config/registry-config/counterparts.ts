// What a registry:2 can be told and Wharf cannot, with what to do instead. The longest path that fits a setting counts.
import { formatPath } from '../value-path.ts';
import type { RegistrySettings } from './settings.ts';

/** Of a setting that is converted elsewhere, which says itself what there is to say. */
const CONVERTED = '';

const COUNTERPARTS: Readonly<Record<string, string>> = {
  version: CONVERTED,
  log: 'no counterpart: lines are JSON, or text on a terminal (docs/logs.md has every field)',
  'log.level': '`wharf serve --log-level` takes debug, info, warn and error',
  loglevel: '`wharf serve --log-level` takes debug, info, warn and error',
  'log.formatter': '`wharf serve --log-format` takes json and text',
  'log.accesslog': '`wharf serve --log-level warn` leaves out the line that each request has',
  'log.hooks': 'no counterpart: what collects the log, or reads /metrics, can send mail',
  storage: CONVERTED,
  'storage.filesystem': CONVERTED,
  'storage.filesystem.maxthreads': 'not needed: reading and writing are bounded by themselves',
  'storage.cache': 'not needed: metadata is in a database beside the content',
  'storage.delete': 'not needed: whoever may push may delete, and `wharf gc --untagged` frees the room',
  'storage.redirect': 'not needed: content is sent from files',
  'storage.tag': 'not needed: tags are rows of a database',
  'storage.maintenance': 'not needed: `wharf gc` may run at any time, and deletes stale uploads as well',
  'storage.maintenance.readonly':
    'no counterpart yet: let the proxy in front refuse all methods but GET and HEAD, for as long as it matters',
  auth: 'not taken over: `accounts` takes an htpasswd file, and says who may do what (docs/accounts.md)',
  'auth.none': CONVERTED,
  middleware: 'no counterpart; it is left out',
  reporting: 'no counterpart: watch the log and /metrics (docs/metrics.md)',
  http: 'no counterpart; it is left out',
  'http.addr': CONVERTED,
  'http.net': CONVERTED,
  'http.host': CONVERTED,
  'http.debug': CONVERTED,
  'http.prefix': 'no counterpart yet: let a proxy in front take the prefix away',
  'http.secret': 'not needed: what an upload has brought is known from its file',
  'http.relativeurls': 'not needed: Wharf never names a host in where it sends a client',
  'http.draintimeout': 'no counterpart: requests under way have 30 s to end',
  'http.tls': 'no counterpart yet: let a proxy in front speak TLS',
  'http.headers': 'no counterpart: let a proxy in front add headers; X-Content-Type-Options is sent already',
  'http.http2': 'no counterpart: Wharf speaks HTTP/1.1; a proxy in front may speak HTTP/2',
  'http.h2c': 'no counterpart: Wharf speaks HTTP/1.1; a proxy in front may speak HTTP/2',
  notifications: 'no counterpart yet: nothing is told of pushes and pulls but by the log',
  redis: 'not needed: metadata is in a database beside the content',
  health: 'not needed: /healthz and /readyz of `admin` tell it',
  proxy: 'no counterpart; it is left out',
  'proxy.remoteurl': CONVERTED,
  'proxy.username': CONVERTED,
  'proxy.password': CONVERTED,
  'proxy.exec': CONVERTED,
  'proxy.ttl': CONVERTED,
  compatibility: 'no counterpart: images of schema 1 are not taken; pull and push them again with a client of today',
  validation: 'no counterpart: a manifest is taken when all that it names is there, and layers elsewhere may be absent',
  policy: 'no counterpart; `hosted` says which repositories may be pushed to',
  catalog: 'not needed: a page of the catalog has what is asked for, up to 10000 names',
};

const MAX_NOTES = 100;

/** A sentence for each setting that is not converted, or for what holds several of them. */
export function notesOnTheRest(settings: RegistrySettings): readonly string[] {
  const notes = new Set<string>();
  const strangers = new Set<string>();
  for (const path of settings.leaves()) {
    const known = longestKnown(path);
    const variable = settings.variable(path);
    if (known === undefined && variable !== undefined) strangers.add(variable);
    else if (known === undefined) notes.add(`${formatPath(path)}: registry:2 has no such setting; left out`);
    else if (COUNTERPARTS[known] !== CONVERTED) notes.add(`${known}: ${COUNTERPARTS[known]}`);
  }
  return [...bounded([...notes]), ...strangerNotes([...strangers])];
}

function longestKnown(path: readonly string[]): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const known = path.slice(0, length).join('.');
    if (Object.hasOwn(COUNTERPARTS, known)) return known;
  }
  return undefined;
}

function strangerNotes(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, 20).map((name) => name.slice(0, 80));
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  return [`${shown.join(', ')}${more}: registry:2 has no such setting; left out`];
}

function bounded(notes: readonly string[]): readonly string[] {
  if (notes.length <= MAX_NOTES) return notes;
  return [...notes.slice(0, MAX_NOTES), `and ${notes.length - MAX_NOTES} more settings that are left out`];
}
