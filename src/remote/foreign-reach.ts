import { classifyAddress, isAddressLiteral } from './address.ts';
import type { Reach } from './send.ts';

/** The addresses that the host name of a URL means; empty when there are none, or when a proxy is to find them. */
export type ResolveHost = (url: URL) => Promise<readonly string[]>;

/**
 * Whom a registry may send us on to, by redirect, realm or link: internal addresses only if its own configured URL
 * leads to one, which a person wrote.
 */
export async function foreignReach(registry: URL, resolveHost: ResolveHost): Promise<Reach> {
  const { hostname } = registry;
  const addresses = isAddressLiteral(hostname) ? [hostname] : await resolveHost(registry);
  return addresses.some((address) => classifyAddress(address) !== 'public') ? 'configured' : 'public';
}
