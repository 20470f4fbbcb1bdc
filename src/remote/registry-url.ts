import { UsageError } from '../oci/usage-error.ts';
import { isAddressLiteral, classifyAddress } from './address.ts';

/** Where a registry is: the origin that serves `/v2/`, and what a person wrote after it. */
export interface RegistryLocation {
  readonly url: URL;
  /** `localhost:5000`: the name under which people and credential files know it. */
  readonly host: string;
  /** The rest of what was written, without its leading slash: a prefix or a template, or empty. */
  readonly path: string;
}

/**
 * Reads `registry.example.com`, `reg.example.com/xxx/`, `http://old:5000`, `localhost:5000`. A bare host means https,
 * or http on loopback or with `plainHttp`. Throws UsageError.
 */
export function parseRegistryLocation(text: string, options: { readonly plainHttp?: boolean } = {}): RegistryLocation {
  const written = text.replace(/^docker:\/\//, '');
  const scheme = /^(https?):\/\//.exec(written)?.[1];
  const rest = scheme === undefined ? written : written.slice(scheme.length + 3);
  const slash = rest.indexOf('/');
  const host = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? '' : rest.slice(slash + 1);
  if (host === '' || !/^[A-Za-z0-9.:[\]-]+$/.test(host)) throw unreadable(text);
  const url = URL.parse(`${scheme ?? 'https'}://${host}/`);
  if (url === null) throw unreadable(text);
  if (scheme === undefined && (options.plainHttp === true || isLoopback(url.hostname))) url.protocol = 'http:';
  return { url, host: host.toLowerCase(), path };
}

function isLoopback(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true;
  return isAddressLiteral(hostname) && classifyAddress(hostname) === 'loopback';
}

function unreadable(text: string): UsageError {
  return new UsageError(
    `"${text}" is not a registry; write a host such as registry.example.com or http://localhost:5000`,
  );
}
