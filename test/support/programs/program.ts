import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';

export interface ProgramOptions {
  readonly cwd?: string | undefined;
  /** The whole environment, but for PATH and HOME, which are the caller's where they are not given. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Where its standard error goes; otherwise it is in `Exit`. */
  readonly stderrFile?: string | undefined;
}

export interface Exit {
  /** As a shell has it: 128 and the number of the signal, for a program that a signal ended. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. Disposing it ends it, and waits for its end. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** The first line on its standard output. Rejects when it ends without one. */
  readonly firstLine: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

// What a run leaves behind when it is broken off would hold its ports for ever. First, as files are removed then too.
const running = new Set<ChildProcess>();
process.prependListener('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Throws when there is no such program. */
export async function startProgram(
  command: string,
  args: readonly string[],
  { cwd, env = {}, stderrFile }: ProgramOptions = {},
): Promise<RunningProgram> {
  const { PATH = '', HOME = '' } = process.env;
  const stderr = stderrFile === undefined ? 'pipe' : openSync(stderrFile, 'a');
  const child = spawn(command, args, { cwd, env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', stderr] });
  if (typeof stderr === 'number') closeSync(stderr);
  await once(child, 'spawn');
  running.add(child);
  const exited = exitOf(child);
  return {
    pid: child.pid ?? 0,
    exited,
    firstLine: firstLineOf(child, command, exited),
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Runs a program to its end, whatever that is. */
export async function runProgram(command: string, args: readonly string[], options?: ProgramOptions): Promise<Exit> {
  const { exited } = await startProgram(command, args, options);
  return await exited;
}

async function exitOf(child: ChildProcess): Promise<Exit> {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number, null] | [null, NodeJS.Signals];
  running.delete(child);
  return { code: code ?? 128 + constants.signals[signal], ...output };
}

function firstLineOf(child: ChildProcess, command: string, exited: Promise<Exit>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  child.stdout?.on('data', (more: string) => {
    if (text.includes('\n')) return;
    text += more;
    if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
  });
  void exited.then(({ code, stderr }) => reject(new Error(`${command} ended with ${code}, without a line: ${stderr}`)));
  // Most programs are not waited for in this way.
  promise.catch(() => undefined);
  return promise;
}
