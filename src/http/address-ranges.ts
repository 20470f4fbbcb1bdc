import { BlockList, isIP } from 'node:net';

/** Addresses and CIDR ranges, such as 10.0.0.0/8 and fd00::/8. An IPv4 address that is written as an IPv6 one is itself. */
export class AddressRanges {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /** Each is an address, or an address and the length of its network. */
  constructor(ranges: readonly string[]) {
    this.#isEmpty = ranges.length === 0;
    for (const range of ranges) {
      const [address = '', length] = range.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (length === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(length), family);
    }
  }

  /** Never for what is no address. */
  has(address: string): boolean {
    // Mostly there are none, and each request asks.
    if (this.#isEmpty) return false;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}
