/** One question, answered with figures. */
export interface Benchmark {
  readonly name: string;
  readonly question: string;
  readonly usage: string;
  /** Gives the figures as Markdown. `report` is told what is being measured, as it may take minutes. */
  run(args: readonly string[], report: (text: string) => void): Promise<string>;
}
