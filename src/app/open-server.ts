import { randomUUID } from 'node:crypto';
import { systemClock } from '../async/clock.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import { HttpServer, type HttpServerOptions } from '../http/node.ts';
import { UsageError } from '../oci/usage-error.ts';

type ServerParts = Omit<HttpServerOptions, 'clock' | 'newId'>;

/** Throws UsageError, which ends in `advice`, when the address cannot be listened on. */
export async function openServer(parts: ServerParts, advice: string): Promise<HttpServer> {
  try {
    return await HttpServer.open({ ...parts, clock: systemClock, newId: randomUUID });
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    const address = describeAddress(parts.address);
    throw new UsageError(`${address} cannot be listened on (${error.message}); ${advice}`, { cause: error });
  }
}

/** `http://127.0.0.1:5000`, or `unix:/path`. */
export function describeAddress(address: ListenAddress): string {
  return urlOf('http', address);
}

/** `https://127.0.0.1:5000` of a server that speaks TLS. */
export function urlOfServer({ address, isSecure }: HttpServer): string {
  return urlOf(isSecure ? 'https' : 'http', address);
}

function urlOf(scheme: 'http' | 'https', address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const { host = '0.0.0.0', port } = address;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
