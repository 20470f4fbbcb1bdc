import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ProgramOptions {
  readonly cwd?: string | undefined;
  /** The whole environment, but for PATH and HOME, which are the caller's where they are not given. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export interface Exit {
  /** As a shell has it: 128 and the number of the signal, for a program that a signal ended. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. Disposing it ends it, and waits for its end. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** The first line that it prints. Rejects when it ends without one. */
  readonly firstLine: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

// What a run leaves behind when it is broken off would hold its ports for ever.
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Throws when there is no such program. */
export async function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env = {} }: ProgramOptions = {},
): Promise<RunningProgram> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { cwd, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = exitOf(child, command);
  const firstLine = once(createInterface(child.stdout), 'line').then(([line]: string[]) => line ?? '');
  const failed = exited.then(({ code, stderr }) => {
    throw new Error(`${command} ended with ${code} before it printed a line: ${stderr}`);
  });
  const raced = Promise.race([firstLine, failed]);
  raced.catch(() => undefined);
  await once(child, 'spawn');
  running.add(child);
  return {
    pid: child.pid ?? 0,
    exited,
    firstLine: raced,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Runs a program to its end, whatever that is. */
export async function runProgram(command: string, args: readonly string[], options?: ProgramOptions): Promise<Exit> {
  const program = await startProgram(command, args, options);
  return await program.exited;
}

async function exitOf(child: ChildProcess, command: string): Promise<Exit> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  running.delete(child);
  if (code === null && signal !== null && SIGNAL_NUMBERS[signal] === undefined) {
    output.stderr += `${command} was ended by ${signal}`;
  }
  return { code: code ?? 128 + (SIGNAL_NUMBERS[signal ?? 'SIGKILL'] ?? 0), signal, ...output };
}
