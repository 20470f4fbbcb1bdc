// The log of a server. The only file that knows pino.
import { pino } from 'pino';
import type { RequestLine } from '../http/exchange.ts';
import { LOG_LEVELS, type Log, type LogFields, type LogFormat, type LogLevel } from '../observe/log.ts';
import type { LogOutput } from './log-output.ts';
import { jsonOf, levelOf, textOf } from './request-line.ts';

export interface LogOptions {
  readonly format: LogFormat;
  /** What is below is not logged. */
  readonly level: LogLevel;
  readonly output: LogOutput;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface ServerLog extends Log {
  request(line: RequestLine): void;
}

export function openLog(options: LogOptions): ServerLog {
  return options.format === 'json' ? jsonLog(options) : textLog(options);
}

function jsonLog({ level, output, now }: LogOptions): ServerLog {
  const time = isoTime(now);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${time()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => output.add(line) },
  );
  return {
    ...eachLevel((each, message, fields) => logger[each](fields, message)),
    request(line) {
      if (isAtLeast(levelOf(line), level)) output.add(`${jsonOf(line, time())}\n`);
    },
  };
}

/** Many lines are of the same millisecond. */
function isoTime(now: () => number): () => string {
  let atMs = Number.NaN;
  let text = '';
  return () => {
    const ms = now();
    if (ms !== atMs) text = new Date(ms).toISOString();
    atMs = ms;
    return text;
  };
}

function textLog({ level, output }: LogOptions): ServerLog {
  return {
    ...eachLevel((each, message, fields) => {
      if (isAtLeast(each, level)) output.add(`${[message, ...Object.entries(fields).map(textOfField)].join(' ')}\n`);
    }),
    request(line) {
      if (isAtLeast(levelOf(line), level)) output.add(`${textOf(line)}\n`);
    },
  };
}

function eachLevel(write: (level: LogLevel, message: string, fields: LogFields) => void): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) =>
      write(level, message, fields);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Texts are of others, too: no control characters end up on a terminal. */
function textOfField([key, value]: [string, unknown]): string {
  return `${key}=${typeof value === 'string' && /[\s"\p{C}]/u.test(value) ? quoted(value) : String(value)}`;
}

function quoted(text: string): string {
  const escaped = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return JSON.stringify(text).replaceAll(/[\p{C}\u2028\u2029]/gu, escaped);
}

function isAtLeast(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}
