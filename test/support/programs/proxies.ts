// The proxies of Debian, each with a login: tinyproxy and squid speak HTTP, microsocks speaks SOCKS5.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CertificateFiles } from './certificates.ts';
import { freePort } from './free-port.ts';
import { type RunningProgram, runProgram, startProgram } from './program.ts';
import { type ScratchFolder, scratchFolder } from './scratch-folder.ts';
import { untilListening } from './until-listening.ts';

export interface ProxyProcess extends AsyncDisposable {
  /** `http://127.0.0.1:3128`, without a login. */
  readonly url: string;
  /** With the login that it wants. */
  readonly urlWithLogin: string;
  /** What it wrote of the connections and requests that it was asked for. */
  log(): Promise<string>;
}

interface SquidOptions {
  /** Names that it knows besides those of the system; all are of this machine. */
  readonly hosts?: readonly string[] | undefined;
  /** It is spoken to by TLS. */
  readonly certificate?: CertificateFiles | undefined;
}

/** tinyproxy takes letters and digits only. */
export const PROXY_LOGIN = { username: 'ada', password: 'canary4711' } as const;

export async function startTinyproxy(): Promise<ProxyProcess> {
  return await startProxy('http', async (folder, port, logFile) => {
    const config = path.join(folder.path, 'tinyproxy.conf');
    const { username, password } = PROXY_LOGIN;
    const lines = [
      `Port ${port}`,
      'Listen 127.0.0.1',
      'MaxClients 300',
      `BasicAuth ${username} ${password}`,
      `LogFile "${logFile}"`,
      'LogLevel Connect',
    ];
    await writeFile(config, `${lines.join('\n')}\n`);
    return await startProgram('tinyproxy', ['-d', '-c', config]);
  });
}

export async function startMicrosocks(): Promise<ProxyProcess> {
  return await startProxy('socks5', async (_, port, logFile) => {
    const { username, password } = PROXY_LOGIN;
    const args = ['-i', '127.0.0.1', '-p', `${port}`, '-u', username, '-P', password];
    return await startProgram('microsocks', args, { stderrFile: logFile });
  });
}

/** Unlike its usual settings these let CONNECT lead to any port, as the registries of tests have any. */
export async function startSquid({ hosts = [], certificate }: SquidOptions = {}): Promise<ProxyProcess> {
  const kind = certificate === undefined ? 'http' : 'https';
  return await startProxy(kind, async (folder, port, logFile) => {
    const file = (name: string) => path.join(folder.path, name);
    // Its workers give up the rights of root, and may run as somebody else then.
    await chmod(folder.path, 0o777);
    await writeFile(file('passwords'), await htpasswd());
    await writeFile(file('hosts'), hosts.map((name) => `127.0.0.1 ${name}\n`).join(''));
    const listener =
      certificate === undefined
        ? `http_port 127.0.0.1:${port}`
        : `https_port 127.0.0.1:${port} tls-cert=${certificate.file} tls-key=${certificate.keyFile}`;
    const lines = [
      listener,
      `auth_param basic program ${SQUID_LOGIN_PROGRAM} ${file('passwords')}`,
      'auth_param basic children 2',
      'acl known proxy_auth REQUIRED',
      'http_access allow known',
      'http_access deny all',
      `hosts_file ${file('hosts')}`,
      `access_log stdio:${logFile}`,
      `cache_log ${file('cache.log')}`,
      `coredump_dir ${folder.path}`,
      'pid_filename none',
      'cache deny all',
      'netdb_filename none',
      'pinger_enable off',
      'shutdown_lifetime 0 seconds',
      'max_filedescriptors 1024',
    ];
    await writeFile(file('squid.conf'), `${lines.join('\n')}\n`);
    return await startProgram('squid', ['-N', '-f', file('squid.conf')]);
  });
}

const SQUID_LOGIN_PROGRAM = '/usr/lib/squid/basic_ncsa_auth';

type Start = (folder: ScratchFolder, port: number, logFile: string) => Promise<RunningProgram>;

async function startProxy(kind: 'http' | 'https' | 'socks5', start: Start): Promise<ProxyProcess> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('proxy'));
  const logFile = path.join(folder.path, 'proxy.log');
  await writeFile(logFile, '');
  await chmod(logFile, 0o666);
  const port = await freePort();
  const program = started.use(await start(folder, port, logFile));
  await untilListening(port, program);
  const running = started.move();
  const { username, password } = PROXY_LOGIN;
  return {
    url: `${kind}://127.0.0.1:${port}`,
    urlWithLogin: `${kind}://${username}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    log: () => readFile(logFile, 'utf8'),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function htpasswd(): Promise<string> {
  const { username, password } = PROXY_LOGIN;
  const { stdout } = await runProgram('openssl', ['passwd', '-apr1', password]);
  return `${username}:${stdout}`;
}
