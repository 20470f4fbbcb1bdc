// Programs that give logins: docker's credential helpers, and whatever command a configuration names.
import { execFile } from 'node:child_process';
import { UsageError } from '../oci/usage-error.ts';
import type { ClientSurroundings } from './client-surroundings.ts';

const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 256 * 1024;

export interface LoginProgramOptions {
  /** The program's environment. Absent: that of this process, as for any child. */
  readonly env?: ClientSurroundings['env'] | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface LoginProgramNames {
  /** How messages call it. No argument of it: that may be a secret. */
  readonly title: string;
  /** Ends the sentence that it is not installed. */
  readonly ifMissing: string;
}

/** What a program printed, and why that is no success. */
export interface LoginProgramOutput {
  readonly output: string;
  readonly failure?: UsageError | undefined;
}

interface Failure {
  readonly code?: string | number | null | undefined;
  readonly killed?: boolean | undefined;
}

/**
 * Runs it without a shell, with `input` on its standard input, for a bounded time and a bounded output. Never rejects.
 * The failure names the program; what it printed may be a secret and is never part of it.
 */
export function runLoginProgram(
  [program, ...args]: readonly [program: string, ...args: string[]],
  input: string,
  { title, ifMissing }: LoginProgramNames,
  { env, timeoutMs = TIMEOUT_MS }: LoginProgramOptions,
): Promise<LoginProgramOutput> {
  // A program that ignores SIGTERM would be waited for without end.
  const killSignal = 'SIGKILL';
  const options = { env, timeout: timeoutMs, killSignal, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true } as const;
  const because = ({ code, killed }: Failure): string => {
    if (code === 'ENOENT') return `is not installed, but ${ifMissing}`;
    if (code === 'EACCES') return 'may not be run; make it executable';
    if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'gave more output than a login can have';
    if (killed === true) return `did not answer within ${timeoutMs / 1000} seconds`;
    return `failed (${typeof code === 'number' ? `exit code ${code}` : (code ?? 'killed')}); run it by hand to see why`;
  };
  const outcome = (error: object | null, output: string): LoginProgramOutput =>
    // The error itself quotes the command line and is no cause for another.
    ({ output, failure: error === null ? undefined : new UsageError(`${title} ${because(error)}`) });
  return new Promise((resolve) => {
    try {
      const child = execFile(program, args, options, (error, output) => resolve(outcome(error, output)));
      // A program that does not read its input closes it early; how it ends says whether that matters.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input);
    } catch (error) {
      // Some failures to start are thrown: arguments that are too long (E2BIG), no memory.
      resolve(outcome(error as Failure, ''));
    }
  });
}
