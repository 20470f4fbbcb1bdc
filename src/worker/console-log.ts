// `wrangler tail` and the dashboard show what a Worker prints; one JSON object a line can be searched there.
import type { Log, LogLevel } from '../observe/log.ts';

export const consoleLog: Log = {
  debug: (message, fields) => print('debug', message, fields),
  info: (message, fields) => print('info', message, fields),
  warn: (message, fields) => print('warn', message, fields),
  error: (message, fields) => print('error', message, fields),
};

function print(level: LogLevel, message: string, fields: object = {}): void {
  // oxlint-disable-next-line no-console -- there is nothing else to write to
  console[level](JSON.stringify({ level, msg: message, ...fields }));
}
