// A server with accounts, as a process, that stands before a Docker Hub of ours, some of which needs the server's login.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { htpasswdOf } from '../hosted/account-world.ts';
import { type Hub, startHub } from '../hub/hub.ts';
import { libraryImages } from '../hub/library-images.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import type { Exit } from './program.ts';
import { type Wharf, openWharf } from './wharf.ts';

export interface AccountsWorld extends AsyncDisposable {
  readonly hub: Hub;
  readonly wharf: Wharf;
  readonly url: string;
  /** `127.0.0.1:PORT`: insecure for every client, as it is loopback. */
  readonly host: string;
  readonly htpasswd: string;
  /** Runs a command beside the server; throws when it fails. */
  readonly succeed: (...args: readonly string[]) => Promise<Exit>;
}

const UPSTREAM_LOGIN = { username: 'wharf', password: 'the-login-of-the-mirror' };
export const PRIVATE = 'library/redis';
/** ann works on `team`, bob may look at it, and sam fills what others pull. */
const ACCOUNTS = {
  htpasswd: 'htpasswd',
  groups: { team: ['ann', 'ci'] },
  policy: [
    { repositories: ['team/**'], groups: ['team'], allow: ['pull', 'push', 'delete'] },
    { repositories: ['team/**'], accounts: ['bob'], allow: ['pull'] },
    { repositories: ['docker.io/library/**'], groups: ['team'], allow: ['pull'] },
    { repositories: ['docker.io/library/nginx'], anonymous: true, allow: ['pull'] },
    { repositories: ['docker.io/**'], accounts: ['sam'], allow: ['pull', 'fill'] },
  ],
};

export async function openAccountsWorld(): Promise<AccountsWorld> {
  await using opened = new AsyncDisposableStack();
  const images = await libraryImages(SMALL_LIBRARY);
  const hub = opened.use(await startHub({ images, accounts: [UPSTREAM_LOGIN], privateRepositories: [PRIVATE] }));
  const wharf = opened.use(await openWharf());
  const htpasswd = path.join(wharf.folder, 'htpasswd');
  await writeFile(htpasswd, htpasswdOf('ann', 'bob', 'sam'));
  const upstream = { url: hub.registryUrl, hubApi: 'off', realms: [hub.tokenUrl], credentials: UPSTREAM_LOGIN };
  const settings = { data: './data', hosted: ['team/**'], upstreams: { 'docker.io': upstream }, accounts: ACCOUNTS };
  // YAML takes JSON as it is.
  await wharf.configure(JSON.stringify(settings));
  const server = opened.use(await wharf.start(['serve', '--listen', '127.0.0.1:0', '--admin', 'off']));
  const url = (await server.firstLine).replace('listening on ', '');
  const running = opened.move();
  return {
    hub,
    wharf,
    url,
    host: url.replace('http://', ''),
    htpasswd,
    async succeed(...args) {
      const exit = await wharf.run(args);
      if (exit.code !== 0) throw new Error(`wharf ${args.join(' ')} ended with ${exit.code}: ${exit.stderr}`);
      return exit;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
