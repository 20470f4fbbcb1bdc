import { addressGroups } from '../../remote/address.ts';

const GROUP_BITS = 16;
/** Of IPv4 as IPv6 has it: `::ffff:0:0/96`. */
const MAPPED_BITS = 96;

/** Addresses that begin with the same bits. */
export interface AddressRange {
  readonly groups: readonly number[];
  /** IPv4 addresses count as `::ffff:a.b.c.d`. */
  readonly prefixBits: number;
}

/** Reads `10.0.0.0/8`, `2001:db8::/32` or a single address; `undefined` when the text is none of these. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [, address = '', digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const groups = addressGroups(address);
  if (groups === undefined) return undefined;
  const skippedBits = address.includes(':') ? 0 : MAPPED_BITS;
  const prefixBits = digits === undefined ? groups.length * GROUP_BITS : skippedBits + Number(digits);
  return prefixBits <= groups.length * GROUP_BITS ? { groups, prefixBits } : undefined;
}

/**
 * Whether a connection's peer is a proxy that somebody has named. The peer at a unix socket has no address, and is none.
 * No range of IPv6 holds an IPv4 address but for those within `::ffff:0:0/96`: who trusts `::/0` has not thought of it.
 */
export function isTrustedProxy(address: string, ranges: readonly AddressRange[]): boolean {
  const groups = addressGroups(address);
  if (groups === undefined) return false;
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return ranges.some((range) => (!isMapped || range.prefixBits >= MAPPED_BITS) && beginsAlike(groups, range));
}

function beginsAlike(groups: readonly number[], { groups: base, prefixBits }: AddressRange): boolean {
  return groups.every((group, index) => {
    const comparedBits = Math.min(Math.max(prefixBits - index * GROUP_BITS, 0), GROUP_BITS);
    const ignoredBits = GROUP_BITS - comparedBits;
    return group >>> ignoredBits === (base[index] ?? 0) >>> ignoredBits;
  });
}
