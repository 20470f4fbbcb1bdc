import { addressBytes } from '../../remote/address.ts';

/**
 * Who counts as one client: an address, or of IPv6 the /64 that a network gives to one customer (RFC 6177), who could else
 * be as many clients as he likes. An IPv4 address is the same however it is written.
 */
export function clientKey(address: string): string {
  // Most are IPv4 as it is usually written, and each request asks.
  if (!address.includes(':')) return address;
  const bytes = addressBytes(address.replace(/%.*$/, ''));
  if (bytes === undefined) return address;
  if (bytes.length === 4) return bytes.join('.');
  const groups = [0, 2, 4, 6].map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16));
  return `${groups.join(':')}::/64`;
}
