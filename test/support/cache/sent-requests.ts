import type { Send, SendRequest } from '../../../src/remote/send.ts';

/** What an upstream was asked, in words: `HEAD manifest`, `GET blob`, `token`. */
export interface SentRequests {
  readonly all: readonly SendRequest[];
  /** In their order; the same one several times in a row as `GET blob ×3`. */
  readonly summary: string;
  /** As often as it was sent. */
  count(word: string): number;
  clear(): void;
}

/** Every request that leaves through `send`, also those that get no answer. */
export function recordSent(send: Send): { readonly send: Send; readonly requests: SentRequests } {
  const all: SendRequest[] = [];
  const requests: SentRequests = {
    all,
    get summary() {
      return all.map(wordFor).reduce<[word: string, times: number][]>(addTo, []).map(inWords).join(', ');
    },
    count: (word) => all.filter((request) => wordFor(request) === word).length,
    clear: () => void all.splice(0),
  };
  const recorded: Send = (request) => {
    all.push(request);
    return send(request);
  };
  return { send: recorded, requests };
}

const WORDS: readonly (readonly [path: RegExp, word: string])[] = [
  [/^\/v2\/$/, 'ping'],
  [/\/manifests\/[^/]+$/, 'manifest'],
  [/\/blobs\/[^/]+$/, 'blob'],
  [/\/tags\/list$/, 'tags'],
  [/\/referrers\/[^/]+$/, 'referrers'],
  [/^\/token$/, 'token'],
  [/^\/registry-v2\//, 'CDN'],
];

function wordFor({ method, url }: SendRequest): string {
  const [, word = 'elsewhere'] = WORDS.find(([pattern]) => pattern.test(url.pathname)) ?? [];
  return word === 'ping' || word === 'token' || word === 'elsewhere' ? word : `${method} ${word}`;
}

function addTo(counted: [word: string, times: number][], word: string): [word: string, times: number][] {
  const last = counted.at(-1);
  if (last?.[0] === word) last[1] += 1;
  else counted.push([word, 1]);
  return counted;
}

function inWords([word, times]: [word: string, times: number]): string {
  return times === 1 ? word : `${word} ×${times}`;
}
