import type { AddressRanges } from '../address-ranges.ts';
import { isFromProxy } from '../client-address.ts';
import type { HttpRequest } from '../distribution/request.ts';

export interface ExternalOriginOptions {
  /** How clients reach us, where a proxy is in front. */
  readonly externalUrl?: string | undefined;
  /** Whether a host stands for an upstream: its clients are to stay at it. */
  readonly isUpstreamHost: (host: string) => boolean;
  readonly trustedProxies: AddressRanges;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * Where whoever asks finds us: `https://mirror.example.com`. Only what the client itself has sent, and what a trusted
 * proxy has added, is in it, so nobody can make another client go elsewhere.
 */
export function externalOrigin(request: HttpRequest, options: ExternalOriginOptions): string {
  const { externalUrl, isUpstreamHost, trustedProxies } = options;
  const host = request.header('host') ?? '';
  const isHost = HOST.test(host);
  if (externalUrl !== undefined && !(isHost && isUpstreamHost(host.toLowerCase()))) {
    return externalUrl.replace(/\/+$/, '');
  }
  const configured = externalUrl === undefined ? undefined : new URL(externalUrl).protocol.slice(0, -1);
  const scheme =
    configured ?? forwardedScheme(request, trustedProxies) ?? (request.isSecure === true ? 'https' : 'http');
  return `${scheme}://${isHost ? host : 'localhost'}`;
}

function forwardedScheme(request: HttpRequest, trustedProxies: AddressRanges): string | undefined {
  if (!isFromProxy(request, trustedProxies)) return undefined;
  const scheme = (request.header('x-forwarded-proto') ?? '').split(',').at(-1)?.trim().toLowerCase();
  return scheme === 'https' || scheme === 'http' ? scheme : undefined;
}
