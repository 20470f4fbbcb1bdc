// What happened in a run, for the turns of the operator and for whoever has to find out why a promise was broken.

const REMEMBERED_LINES = 2_000;
const TOLD_LINES = 60;

export class Diary {
  answers = 0;
  cutOff = 0;
  readonly #lines: string[] = [];
  readonly #onAnswer: () => void;

  constructor(onAnswer: () => void) {
    this.#onAnswer = onAnswer;
  }

  /** An answer to a client. */
  noteAnswer(who: string, what: string): void {
    this.answers += 1;
    this.note(who, what);
    this.#onAnswer();
  }

  note(who: string, what: string): void {
    this.#lines.push(`${who} ${what}`);
    if (this.#lines.length > REMEMBERED_LINES) this.#lines.shift();
  }

  /** The last lines of one, and of the operator between them. */
  of(who: string): string {
    const told = this.#lines.filter((line) => line.startsWith(`${who} `) || line.startsWith('operator '));
    return told.slice(-TOLD_LINES).join('\n');
  }
}
