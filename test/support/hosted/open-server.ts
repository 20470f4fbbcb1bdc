import { RegistryServer, type RegistryServerOptions } from '../../../src/app/registry-server.ts';
import { Session } from '../../../src/app/session.ts';
import type { Config } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/parse-config.ts';
import type { CredentialStore } from '../../../src/remote/credentials.ts';
import type { Log } from '../../../src/observe/log.ts';

export const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const nothing = () => undefined;
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const NO_LOGINS: CredentialStore = { find: () => Promise.resolve(undefined) };

export interface Opening extends Partial<Omit<RegistryServerOptions, 'session'>> {
  /** The text of a wharf.yaml; a plain private registry by default. */
  readonly yaml?: string;
  readonly config?: Partial<Config>;
  readonly credentials?: CredentialStore;
}

/** A server in this process, on a free port. */
export async function openRegistryServer(dataFolder: string, opening: Opening = {}): Promise<RegistryServer> {
  const { yaml = 'upstreams: {}\nhosted: ["**"]', config = {}, credentials = NO_LOGINS, ...options } = opening;
  const parsed = parseConfig(yaml, {
    file: 'wharf.yaml',
    env: {},
    resolvePath: (path) => path,
    readSecret: () => '',
  });
  const merged = { ...parsed, dataFolder, listen: [LOOPBACK], admin: undefined, ...config };
  const session = new Session({ config: merged, credentials, isServing: true });
  return await RegistryServer.open({ session, log: SILENT, onRequest: nothing, ...options });
}
