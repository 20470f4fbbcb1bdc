import { UsageError } from '../oci/usage-error.ts';

export interface ConfigProblem {
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** `sync[0].to`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

const MAX_LISTED = 20;

/** A configuration that cannot be used. The message has one line for each problem, in the order of the file. */
export class ConfigError extends UsageError {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const inOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const lines = inOrder.slice(0, MAX_LISTED).map((problem) => format(file, problem));
    const more = problems.length - lines.length;
    super([...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'));
    this.file = file;
    this.problems = inOrder;
  }
}

function format(file: string, { line, column, path, message }: ConfigProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `at ${path}: `}${message}`;
}
