// What NO_PROXY says, by the rules of Go's net/http, which docker, containerd and podman follow:
//
//     *                    everything
//     foo.com              foo.com and all below it          .foo.com, *.foo.com      only what is below it
//     10.1.2.3, ::1        that address                      10.0.0.0/8, fd00::/8     all addresses in there
//     NAME:443, [::1]:443  the same for one port; a range has no port
import { addressBytes } from './address.ts';

/** Whether the host, in lower case and without brackets, is spoken to directly. */
export type NoProxy = (host: string, port: number) => boolean;

/** What cannot be read is passed over. */
export function parseNoProxy(text: string): NoProxy {
  const entries = text
    .toLowerCase()
    .split(',')
    .map((entry) => entry.trim());
  if (entries.includes('*')) return () => true;
  const rules = entries.flatMap((entry) => (entry === '' ? [] : (parseEntry(entry) ?? [])));
  return (host, port) => {
    const address = addressBytes(host);
    return rules.some((rule) => rule(host, port, address));
  };
}

type Rule = (host: string, port: number, address: Uint8Array | undefined) => boolean;

function parseEntry(entry: string): Rule | undefined {
  const range = parseRange(entry);
  if (range !== undefined) return (_host, _port, address) => address !== undefined && range(address);
  const { name, port } = splitPort(entry);
  const isPort = (other: number) => port === undefined || port === String(other);
  const literal = addressBytes(name);
  if (literal !== undefined) {
    return (_host, other, address) => address !== undefined && isSame(literal, address) && isPort(other);
  }
  const domain = name.replace(/^\*?\./, '');
  if (domain === '') return undefined;
  const ascii = /^\p{ASCII}*$/u.test(domain) ? domain : (URL.parse(`http://${domain}`)?.hostname ?? domain);
  const isItself = name === domain;
  return (host, other) => (host.endsWith(`.${ascii}`) || (isItself && host === ascii)) && isPort(other);
}

function parseRange(entry: string): ((address: Uint8Array) => boolean) | undefined {
  const [, base = '', size = ''] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const network = addressBytes(base);
  if (network === undefined) return undefined;
  // The size of a range of IPv4 addresses that is written as IPv6 counts from the left of the longer form.
  const prefix = Number(size) - (base.includes(':') && network.length === 4 ? 96 : 0);
  if (prefix < 0 || prefix > network.length * 8) return undefined;
  return (address) => address.length === network.length && startsAlike(network, address, prefix);
}

function startsAlike(one: Uint8Array, other: Uint8Array, bits: number): boolean {
  return one.every((byte, index) => {
    const mask = 0xff00 >>> Math.min(Math.max(bits - index * 8, 0), 8);
    return ((byte ^ (other[index] ?? 0)) & mask & 0xff) === 0;
  });
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && startsAlike(one, other, one.length * 8);
}

function splitPort(entry: string): { readonly name: string; readonly port?: string | undefined } {
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(entry) ?? [];
  const name = bracketed ?? bare;
  // An IPv6 address without brackets has colons of its own.
  return name === undefined ? { name: entry } : { name, port: port === '' ? undefined : port };
}
