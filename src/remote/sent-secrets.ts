// What a server says of a failure ends up in logs, reports and the answers to our own clients. Some servers repeat what
// they were asked, headers and all: our login is not to travel on by that. A server that is out to tell it has it anyway.
import type { SendRequest, SendResponse } from './send.ts';

const HIDDEN = '(hidden)';
/** What is shorter would make holes in sentences, and is no secret worth the name. */
const MIN_LENGTH = 4;
/** The bodies that hold a login have these. */
const SECRET_FIELDS: readonly string[] = ['secret', 'password', 'refresh_token'];

type Sent = Pick<SendRequest, 'headers' | 'body'>;

/** A refusing answer without what was sent to prove who asks. */
export function withoutSentSecrets(response: SendResponse, sent: Sent): SendResponse {
  const secrets = response.status < 400 ? [] : secretsIn(sent);
  if (secrets.length === 0) return response;
  const hide = (text: string) => secrets.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text);
  const { headers, body } = response;
  return {
    ...response,
    headers: {
      get(name) {
        const value = headers.get(name);
        return value === undefined ? undefined : hide(value);
      },
      all: (name) => headers.all(name).map(hide),
    },
    body: {
      stream: () => body.stream(),
      discard: () => body.discard(),
      async bytes(maxBytes) {
        return new TextEncoder().encode(hide(new TextDecoder().decode(await body.bytes(maxBytes))));
      },
    },
  };
}

/** In the forms in which they are written; the longest first, as one may be a part of another. */
function secretsIn({ headers, body }: Sent): readonly string[] {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(headers['authorization'] ?? '') ?? [];
  const pair = scheme.toLowerCase() === 'basic' ? utf8Of(value) : '';
  const plain = [value, pair.slice(pair.indexOf(':') + 1), ...secretsInBody(headers, body)];
  const written = plain.flatMap((text) => [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)]);
  return [...new Set(written)]
    .filter((text) => text.length >= MIN_LENGTH)
    .toSorted((one, other) => other.length - one.length);
}

function secretsInBody(headers: Sent['headers'], body: Sent['body']): readonly string[] {
  if (!(body instanceof Uint8Array)) return [];
  const text = new TextDecoder().decode(body);
  const type = headers['content-type'];
  if (type === 'application/x-www-form-urlencoded') {
    return SECRET_FIELDS.flatMap((field) => new URLSearchParams(text).getAll(field));
  }
  if (type !== 'application/json') return [];
  // Ours, and so it is JSON.
  const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
  return SECRET_FIELDS.map((field) => fields[field]).filter((secret) => typeof secret === 'string');
}

function utf8Of(base64: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}
