// Where a host name may lead. Redirects, realms and links come from outside, and could point a server at itself, at its
// neighbours, or at the metadata service of its cloud (server-side request forgery).
import type { Reach } from './send.ts';

/** `fake-ip` is 198.18.0.0/15, where proxies such as clash put every public name: it counts as public. */
export type AddressClass = 'public' | 'loopback' | 'private' | 'metadata';

const IPV4_RANGES: readonly (readonly [base: string, prefix: number, of: AddressClass])[] = [
  ['169.254.169.254', 32, 'metadata'],
  ['169.254.170.2', 32, 'metadata'],
  ['169.254.170.23', 32, 'metadata'],
  ['100.100.100.200', 32, 'metadata'],
  ['168.63.129.16', 32, 'metadata'],
  ['127.0.0.0', 8, 'loopback'],
  ['0.0.0.0', 8, 'loopback'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['169.254.0.0', 16, 'private'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'private'],
  ['192.168.0.0', 16, 'private'],
  ['224.0.0.0', 3, 'private'],
];

const METADATA_V6 = new Set(['fd00:ec2:0:0:0:0:0:254', 'fd00:ec2:0:0:0:0:0:23', 'fd20:ce:0:0:0:0:0:254']);

/** Classifies an IP address literal (IPv6 with or without brackets or zone); anything unreadable is `private`. */
export function classifyAddress(address: string): AddressClass {
  const literal = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const ipv4 = parseIpv4(literal);
  if (ipv4 !== undefined) return classifyIpv4(ipv4);
  const groups = parseIpv6(literal);
  return groups === undefined ? 'private' : classifyIpv6(groups);
}

/** Whether a URL's host is an address rather than a name. The URL parser has already normalised odd spellings. */
export function isAddressLiteral(hostname: string): boolean {
  return hostname.startsWith('[') || parseIpv4(hostname) !== undefined;
}

/**
 * The bytes of an address literal: 4 or 16, where an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) has 4.
 * `undefined` for whatever is none.
 */
export function addressBytes(literal: string): Uint8Array | undefined {
  const ipv4 = parseIpv4(literal);
  if (ipv4 !== undefined) return Uint8Array.of(ipv4 >>> 24, ipv4 >>> 16, ipv4 >>> 8, ipv4);
  const groups = parseIpv6(literal);
  if (groups === undefined) return undefined;
  const bytes = Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return isMapped ? bytes.slice(12) : bytes;
}

/** Whether an address may be connected to: metadata services never, and others that are not public only by configuration. */
export function isAllowedAddress(address: string, reach: Reach): boolean {
  const kind = classifyAddress(address);
  return reach === 'public' ? kind === 'public' : kind !== 'metadata';
}

function classifyIpv4(address: number): AddressClass {
  for (const [base, prefix, of] of IPV4_RANGES) {
    const shift = 32 - prefix;
    if (address >>> shift === (parseIpv4(base) ?? 0) >>> shift) return of;
  }
  return 'public';
}

function classifyIpv6(groups: readonly number[]): AddressClass {
  if (METADATA_V6.has(groups.map((group) => group.toString(16)).join(':'))) return 'metadata';
  const [first = 0, second = 0] = groups;
  const tail = (((groups[6] ?? 0) << 16) | (groups[7] ?? 0)) >>> 0;
  const isZeroUpTo = (count: number) => groups.slice(0, count).every((group) => group === 0);
  if (isZeroUpTo(7) && tail <= 1) return 'loopback';
  // ::ffff:a.b.c.d and ::a.b.c.d mean the IPv4 address; 64:ff9b::/96 (NAT64) and 2002::/16 (6to4) lead to one.
  if (isZeroUpTo(6) || (isZeroUpTo(5) && groups[5] === 0xffff)) return classifyIpv4(tail);
  if (first === 0x64 && second === 0xff9b) return classifyIpv4(tail);
  if (first === 0x2002) return classifyIpv4(((second << 16) | (groups[2] ?? 0)) >>> 0);
  const isGlobal = (first & 0xe000) === 0x2000;
  return isGlobal ? 'public' : 'private';
}

function parseIpv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((address, part) => ((address << 8) | part) >>> 0, 0);
}

function parseIpv6(text: string): number[] | undefined {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(':')) return undefined;
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const left = parseGroups(head);
  const right = tail === undefined ? [] : parseGroups(tail);
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...Array.from({ length: missing }, () => 0), ...right];
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    const ipv4 = parseIpv4(part);
    if (ipv4 !== undefined) groups.push(ipv4 >>> 16, ipv4 & 0xffff);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
