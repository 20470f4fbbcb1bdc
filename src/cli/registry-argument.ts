import { builtInAt } from '../config/built-in-upstreams.ts';
import type { Config, EndpointConfig, TargetConfig } from '../config/config.ts';
import { parseRegistryAddress } from '../config/registry-address.ts';
import { UsageError } from '../oci/usage-error.ts';

export interface RegistryFlags {
  readonly plainHttp?: true | undefined;
}

const DEFAULT_TEMPLATE = '{repository}';

/** Reads `registry.example.com`, `localhost:5000/mirror/` or `http://old:5000`. Throws UsageError. */
export function parseRegistry(text: string, flags: RegistryFlags = {}): { endpoint: EndpointConfig; path: string } {
  const written = text.replace(/^docker:\/\//, '');
  const hasScheme = /^https?:\/\//.test(written);
  const address = parseRegistryAddress(flags.plainHttp === true && !hasScheme ? `http://${written}` : written);
  if (address === undefined) {
    throw new UsageError(
      `"${text}" is not a registry; write a host such as registry.example.com or http://localhost:5000`,
    );
  }
  const realm = builtInAt(address.origin)?.realm;
  const realms = realm === undefined ? [] : [realm];
  return { endpoint: { url: address.origin, realms, insecure: false }, path: address.path };
}

/** A sync target: what follows the host is a template for names there; one that ends in `/` is a prefix. */
export function parseTarget(text: string, flags: RegistryFlags = {}): TargetConfig & { kind: 'registry' } {
  const { endpoint, path } = parseRegistry(text, flags);
  return { kind: 'registry', endpoint, repository: path === '' ? DEFAULT_TEMPLATE : path, createProjects: false };
}

/** The registry of a reference's domain: the configured upstream of that name, or else the host itself. */
export function endpointOf(domain: string, config: Config, flags: RegistryFlags = {}): EndpointConfig {
  return config.upstreams.get(domain) ?? parseRegistry(domain, flags).endpoint;
}
