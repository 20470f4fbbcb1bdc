export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The least first. */
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export type LogFormat = 'json' | 'text';
export const LOG_FORMATS: readonly LogFormat[] = ['json', 'text'];

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Where the owner of a server is told what happens. A message is a constant of a few words that docs/logs.md explains;
 * what differs from one time to another is in the fields.
 */
export type Log = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;
