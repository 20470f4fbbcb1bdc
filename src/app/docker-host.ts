import { UsageError } from '../oci/usage-error.ts';

/** Where a docker daemon listens. */
export interface DaemonAddress {
  /** As a person knows it: a path, or `host:port`. */
  readonly name: string;
  readonly origin: string;
  readonly socketPath?: string | undefined;
}

const DEFAULT_SOCKET = '/var/run/docker.sock';
const PLAIN_PORT = '2375';

/** What DOCKER_HOST says, or where docker is by default. Throws UsageError for the forms that are not spoken here. */
export function readDockerHost(env: Readonly<Record<string, string | undefined>>): DaemonAddress {
  const host = env['DOCKER_HOST'] ?? '';
  if (host === '') return atSocket(DEFAULT_SOCKET);
  if (host.startsWith('unix://')) {
    const path = host.slice('unix://'.length);
    if (path.startsWith('/')) return atSocket(path);
    throw new UsageError(`DOCKER_HOST is ${host}, which is no absolute path; write unix:///path/to/docker.sock`);
  }
  if (!host.startsWith('tcp://')) {
    throw new UsageError(`DOCKER_HOST is ${host}, which is not spoken here; write unix:///path or tcp://host:port`);
  }
  if ((env['DOCKER_TLS_VERIFY'] ?? '') !== '' || (env['DOCKER_TLS'] ?? '') !== '') {
    throw new UsageError(`DOCKER_HOST is ${host} with TLS, which is not spoken here; forward its socket with ssh -L`);
  }
  return overTcp(host);
}

function atSocket(socketPath: string): DaemonAddress {
  return { name: socketPath, origin: 'http://docker', socketPath };
}

function overTcp(host: string): DaemonAddress {
  const text = `http://${host.slice('tcp://'.length)}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError(`DOCKER_HOST is ${host}, which is no address; write tcp://host:port`);
  }
  // A URL forgets the port that is http's own.
  const port = text.endsWith(':80') ? '80' : url.port || PLAIN_PORT;
  return { name: `${url.hostname}:${port}`, origin: `http://${url.hostname}:${port}` };
}
