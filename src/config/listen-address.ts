import { isDomain } from '../oci/reference.ts';

export type ListenAddress =
  /** No host: every address of the machine. Port 0: any free one. */
  | { readonly kind: 'tcp'; readonly host?: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Reads `127.0.0.1:5000`, `[::1]:5000`, `:5002` or `unix:/path`; `undefined` when the text is none of these. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith('unix:/')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const [, host = '', digits] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port <= 65_535)) return undefined;
  if (host === '') return { kind: 'tcp', port };
  const [, bracketed] = /^\[([^\]]+)\]$/.exec(host) ?? [];
  if (!isDomain(host) || (bracketed === undefined && host.includes(':'))) return undefined;
  return { kind: 'tcp', host: bracketed ?? host, port };
}

/** Whether two listeners would be one. Of port 0 there are many. */
export function isSameAddress(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === 'unix' || other.kind === 'unix') {
    return one.kind === 'unix' && other.kind === 'unix' && one.path === other.path;
  }
  const canMeet = isEveryHost(one.host) || isEveryHost(other.host) || one.host === other.host;
  return one.port === other.port && one.port !== 0 && canMeet;
}

function isEveryHost(host: string | undefined): boolean {
  return host === undefined || host === '0.0.0.0' || host === '::';
}
