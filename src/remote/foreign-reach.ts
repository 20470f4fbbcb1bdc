import { classifyAddress, isAddressLiteral } from './address.ts';
import type { Reach } from './send.ts';

/** The addresses of a host name; empty when there are none. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/**
 * Whom a registry may send us on to, by redirect, realm or link: internal addresses only if its own configured URL
 * leads to one, which a person wrote.
 */
export async function foreignReach(registry: URL, resolveHost: ResolveHost): Promise<Reach> {
  const { hostname } = registry;
  const addresses = isAddressLiteral(hostname) ? [hostname] : await resolveHost(hostname);
  return addresses.some((address) => classifyAddress(address) !== 'public') ? 'configured' : 'public';
}
