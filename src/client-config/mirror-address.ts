// The address of a mirror as a person types it. Bounds what may stand in the files that are made of it.
import { parseRegistryAddress } from '../config/registry-address.ts';
import { isRepositoryName } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { splitAtApi } from './endpoint-place.ts';

const MAX_LENGTH = 1000;
const PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/;

/** A URL without a slash at the end; a bare host is https, and http on loopback. Throws UsageError. */
export function parseMirrorAddress(text: string): string {
  // A password that should not be there is not repeated.
  const shown = JSON.stringify(text.slice(0, 200).replace(/^((?:[^/@]*\/\/)?)[^]*@/, '$1…@'));
  const refuse = (reason: string) => new UsageError(`${shown} is no mirror's address: ${reason}`);
  if (text.length > MAX_LENGTH) throw refuse(`it has more than ${MAX_LENGTH} characters`);
  // eslint-disable-next-line no-control-regex -- that is what is looked for
  if (/[\s\u0000-\u001F\u007F]/.test(text)) throw refuse('it has blanks or control characters in it');
  if (/[^\u0021-\u007E]/.test(text))
    throw refuse('write a host beyond ASCII in its form for DNS, xn--…, and no such path');
  const [, scheme, rest = ''] = /^(?:([A-Za-z][\w+.-]*):\/\/)?(.*)$/.exec(text) ?? [];
  if (scheme !== undefined && !/^https?$/i.test(scheme)) throw refuse('a mirror is reached by https or http');
  if (rest.includes('@')) throw refuse('it must hold no user or password; clients take those from their own logins');
  if (rest.includes('?')) throw refuse('it must have no query');
  if (rest.includes('#')) throw refuse('it must have no fragment');
  const [, host = '', rawPath = ''] = /^([^/]*)(\/.*)?$/.exec(rest) ?? [];
  const path = rawPath.replace(/\/+$/, '');
  if (!PATH.test(path)) throw refuse('a path may have letters, digits, ".", "_", "~" and "-" between single slashes');
  const [, names] = splitAtApi(path);
  if (names !== '' && !isRepositoryName(names))
    throw refuse(`"${names}", behind /v2/, cannot begin the name of a repository`);
  const address = parseRegistryAddress(scheme === undefined ? host : `${scheme.toLowerCase()}://${host}`);
  if (address === undefined)
    throw refuse('expected a host such as mirror.example.com, localhost:5000 or https://10.0.0.5:5000');
  return address.origin + path;
}
