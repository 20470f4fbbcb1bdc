import { execFile } from 'node:child_process';

export interface ClientProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

export interface ClientProgramRun {
  readonly isDone: boolean;
  /** Both of its streams; the end of it, where there is much. */
  readonly output: string;
}

/** A pull of a small image over a slow line. */
const TIMEOUT_MS = 5 * 60_000;
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** Runs a program without a shell and without input. `undefined` when there is no such program. */
export async function runClientProgram(
  [program, ...args]: readonly [program: string, ...args: string[]],
  { env, signal }: ClientProgramOptions,
): Promise<ClientProgramRun | undefined> {
  const options = { env, signal, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true } as const;
  const run = await new Promise<ClientProgramRun | undefined>((resolve) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const isMissing = error?.code === 'ENOENT' || error?.code === 'EACCES';
      const late = error?.killed === true ? `it did not end within ${TIMEOUT_MS / 60_000} minutes\n` : '';
      resolve(isMissing ? undefined : { isDone: error === null, output: `${stdout}\n${stderr}\n${late}` });
    });
    child.stdin?.end();
  });
  signal?.throwIfAborted();
  return run;
}
