// A run of a job as a process of its own: what it holds up, and what kills it, is not the server.
import { type ChildProcess, spawn } from 'node:child_process';

/** A process that runs a job. */
export interface JobProcess {
  /** 0 when it could not be started. */
  readonly pid: number;
  /** Never rejects. */
  readonly ended: Promise<JobEnd>;
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface JobEnd {
  /** Absent when a signal ended it. */
  readonly exitCode?: number | undefined;
  /** What it printed as its result, if that was of a size that a report has. */
  readonly output: string;
  /** The last that it said otherwise. */
  readonly lastLine: string;
}

/** Starts a job. `onLine` is told what it says on its standard error. */
export type StartJob = (job: string, onLine: (line: string) => void) => JobProcess;

export interface JobCommand {
  /** `bin/wharf`. */
  readonly program: string;
  readonly configFile: string | undefined;
  readonly workingFolder: string;
}

const MAX_OUTPUT = 64 * 1024 * 1024;
const MAX_LINE = 1000;
/** As the first line of `bin/wharf` has them. */
const HEAP = ['--max-semi-space-size=32', '--heap-growing-percent=100'];

/**
 * `wharf sync JOB --json`, by this very Node. Over the channel that it is given nothing is said: its end tells the
 * process that its server is gone, however that went, and it stops then.
 */
export function jobStarter({ program, configFile, workingFolder }: JobCommand): StartJob {
  return (job, onLine) => {
    const config = configFile === undefined ? [] : ['--config', configFile];
    const args = [...HEAP, program, 'sync', job, '--json', '--recorded-elsewhere', ...config];
    const child = spawn(process.execPath, args, { cwd: workingFolder, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    return { pid: child.pid ?? 0, ended: endOf(child, onLine), kill: (signal) => void child.kill(signal) };
  };
}

function endOf(child: ChildProcess, onLine: (line: string) => void): Promise<JobEnd> {
  const output: string[] = [];
  let length = 0;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    length += text.length;
    if (length <= MAX_OUTPUT) output.push(text);
  });
  let lastLine = '';
  const lines = new Lines((line) => {
    lastLine = line;
    onLine(line);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => lines.add(text));
  return new Promise((resolve) => {
    child.on('error', (error) => lines.add(`${error.message}\n`));
    child.on('close', (code) => {
      lines.end();
      resolve({ exitCode: code ?? undefined, output: length > MAX_OUTPUT ? '' : output.join(''), lastLine });
    });
  });
}

/** Text in pieces as lines; of one that has no end only its beginning is kept. */
class Lines {
  readonly #onLine: (line: string) => void;
  #begun = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(text: string): void {
    const [first = '', ...others] = text.split('\n');
    this.#begun = (this.#begun + first).slice(0, MAX_LINE);
    for (const line of others) {
      this.end();
      this.#begun = line.slice(0, MAX_LINE);
    }
  }

  end(): void {
    if (this.#begun !== '') this.#onLine(this.#begun);
    this.#begun = '';
  }
}
