import type { Config } from '../config/config.ts';
import { isTrustedProxy, parseAddressRange } from '../http/distribution/trusted-proxy.ts';

/** Whether an address is that of a proxy in front of us, whose word counts. */
export function trustedProxy({ trustedProxies }: Pick<Config, 'trustedProxies'>): (address: string) => boolean {
  const ranges = trustedProxies.map(parseAddressRange).filter((range) => range !== undefined);
  return (address) => isTrustedProxy(address, ranges);
}
