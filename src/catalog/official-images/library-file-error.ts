/** Where in a library file bashbrew would stop, and why. The message is a sentence that names the field and its value. */
export class LibraryFileError extends Error {
  override readonly name = 'LibraryFileError';
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** As the format spells it (`GitCommit`); `undefined` where the trouble is not in a field. */
  readonly field: string | undefined;

  constructor(place: { file: string; line: number; field?: string }, message: string) {
    super(message);
    this.file = place.file;
    this.line = place.line;
    this.field = place.field;
  }
}

/** A value from a file, fit for a message: on one line, not too long, and without characters that steer a terminal. */
export function quote(value: string): string {
  const short = value.length > 100 ? `${value.slice(0, 100)}…` : value;
  return JSON.stringify(short).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?');
}
