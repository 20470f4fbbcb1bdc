// The only file that runs git: without a shell, without questions, and with the user's own configuration alone.
import { type ChildProcess, execFile } from 'node:child_process';
import { devNull } from 'node:os';
import type { Call } from '../../oci/repository.ts';
import { UsageError } from '../../oci/usage-error.ts';
import { SendError } from '../../remote/send.ts';
import { type GitRemote, gitRemote } from './git-login.ts';
import { gitProxyVariables } from './git-proxy.ts';

export interface GitCall extends Call {
  /** What git reads from its standard input. */
  readonly input?: string;
  /** Default: one minute, which is plenty for whatever needs no network. */
  readonly timeoutMs?: number;
}

/** git ran and failed. The message is what it said, on one line. */
export class GitError extends Error {
  override readonly name = 'GitError';
}

/** What repositories may be fetched with. `ext::` and the like run commands of their choice. */
export const GIT_PROTOCOLS: readonly string[] = ['https', 'http', 'ssh', 'git', 'file'];

const LOCAL_TIMEOUT_MS = 60_000;
/** For a history, or many files at once, over a slow line. */
export const FETCH_TIMEOUT_MS = 600_000;
const MAX_OUTPUT_BYTES = 128 * 1024 * 1024;

// No code of the repository's choice, no window that asks, no process that lives on, no transfer that stands still.
const SETTINGS = [
  `core.hooksPath=${devNull}`,
  'core.fsmonitor=false',
  'credential.interactive=false',
  'fetch.recurseSubmodules=false',
  'gc.autoDetach=false',
  'maintenance.autoDetach=false',
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
  // Other processes may fetch into the same repository: wait for their locks.
  'core.filesRefLockTimeout=10000',
  'core.packedRefsTimeout=10000',
].flatMap((setting) => ['-c', setting]);

/**
 * Runs git and returns what it printed. A path among the arguments goes behind `--`, and whoever passes on a name that
 * a person chose has seen to it that it does not begin with a dash.
 * Throws GitError when git fails or takes too long, UsageError when there is no git, the reason of an aborted signal.
 */
export async function git(args: readonly string[], call: GitCall = {}): Promise<Buffer> {
  const { signal, input = '', timeoutMs = LOCAL_TIMEOUT_MS } = call;
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const remote = gitRemote(remoteIn(args), process.env);
  const options = {
    env: environment(remote),
    encoding: 'buffer' as const,
    maxBuffer: MAX_OUTPUT_BYTES,
    signal: AbortSignal.any([deadline, ...(signal === undefined ? [] : [signal])]),
    windowsHide: true,
  };
  const child = execFile('git', [...SETTINGS, ...withRemote(args, remote)], options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else if (signal?.aborted === true) afterExit(child, () => reject(signal.reason));
    else if (deadline.aborted) afterExit(child, () => reject(new GitError(`no answer in ${timeoutMs / 1000} seconds`)));
    else reject(error.code === 'ENOENT' ? noGit(error) : new GitError(lastWord(stderr) || error.message));
  });
  // git may end without having read its input; its exit code says what matters.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return promise;
}

/** Leaves a user and password out of URLs. */
export function withoutCredentials(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]*@/g, '//');
}

// Nobody is told that git has ended while it still writes.
function afterExit(child: ChildProcess, settle: () => void): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) settle();
  else child.once('exit', settle);
}

function noGit(cause: Error): UsageError {
  return new UsageError(
    'git is needed to read a git repository, and there is none here; install it, or name a folder that holds library/',
    { cause },
  );
}

// Of git's own variables only those stay that say how to reach and trust a remote: GIT_DIR and its kind, which git sets
// for its hooks, would lead it into another repository.
const KEPT = /^GIT_(?:ASKPASS|SSH|SSL_|PROXY_|HTTP_|CONFIG_GLOBAL|CONFIG_COUNT|CONFIG_KEY_|CONFIG_VALUE_|EXEC_PATH)/;

const ORIGIN = 'remote.origin.url=';

/** Nothing where none is named. */
function remoteIn(args: readonly string[]): string {
  return args.find((arg) => arg.startsWith(ORIGIN))?.slice(ORIGIN.length) ?? '';
}

function withRemote(args: readonly string[], { address }: GitRemote): readonly string[] {
  return args.map((arg) => (arg.startsWith(ORIGIN) ? `${ORIGIN}${address}` : arg));
}

function environment({ address, variables }: GitRemote): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_') || KEPT.test(name));
  return {
    ...Object.fromEntries(inherited),
    ...proxyVariables(address),
    ...variables,
    LC_ALL: 'C',
    LANGUAGE: '',
    GIT_ALLOW_PROTOCOL: GIT_PROTOCOLS.join(':'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
}

function proxyVariables(remote: string): NodeJS.ProcessEnv {
  try {
    return gitProxyVariables(remote, process.env);
  } catch (error) {
    if (error instanceof SendError) throw new GitError(`it ${error.message}`, { cause: error });
    throw error;
  }
}

/** The line that says why: the last one that git marks so, else the last. What a server says is in it, so it is tamed. */
function lastWord(stderr: Buffer): string {
  const lines = stderr
    .toString()
    .split(/[\r\n]+/)
    .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
    .filter(Boolean);
  const line = lines.findLast((line) => /^(?:fatal|error): /.test(line)) ?? lines.at(-1) ?? '';
  return withoutCredentials(line.slice(0, 300));
}
