import type { Config } from '../config/config.ts';
import type { NginxOptions } from './nginx.ts';

/** What the server's own configuration says for a server in front of it, on the same machine. */
export function frontOptions({ listen, dataFolder, accelRedirect }: Config): NginxOptions {
  const address = listen.find(({ kind }) => kind === 'tcp');
  return {
    backend: address?.kind === 'tcp' ? `${nearest(address.host)}:${address.port}` : undefined,
    ...(accelRedirect !== undefined && { accelRedirect, blobsFolder: `${dataFolder}/blobs-v1` }),
  };
}

// Who listens at every address is reached at this one.
function nearest(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
