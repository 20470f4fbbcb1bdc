import type { Log, LogFields } from '../../src/observe/log.ts';

export interface RecordedLog extends Log {
  /** Level and message, with the fields where there are any. */
  readonly lines: readonly (readonly [string, LogFields?])[];
}

/** A log that keeps what it is told. */
export function recordLog(): RecordedLog {
  const lines: [string, LogFields?][] = [];
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push(fields === undefined ? [`${level} ${message}`] : [`${level} ${message}`, fields]);
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
