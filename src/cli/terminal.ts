/** Where a command reads and writes; tests give it another. Results go to `out`, all else to `err`. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
  readonly workingFolder: string;
  /** Whether a person watches `err`: progress is then drawn live. */
  readonly isInteractive: boolean;
  out(text: string): void;
  err(text: string): void;
  /** All of the standard input. */
  readInput(): Promise<string>;
  /** Asks a person for a line; what is typed is not shown when `isSecret`. */
  ask(question: string, options?: { readonly isSecret?: boolean }): Promise<string>;
}

/** What a command works with besides its arguments. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborts when the person or the system asks the command to stop. */
  readonly signal: AbortSignal;
  /** The exit code, where it is not 0: product documentation, "Exit codes". */
  exitWith(code: number): void;
  /** From now on SIGHUP is for the listener, and stops nothing. */
  onHangup(listener: () => void): void;
}

/** The whole of what a command prints as its result is one JSON document. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, undefined, 2)}\n`);
}
