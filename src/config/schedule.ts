// When a job runs. The only file that knows croner, which is asked for moments only: its own timers never run.
import { Cron } from 'croner';

export interface Schedule {
  /** The first moment after this one, both in milliseconds since the epoch. */
  next(afterMs: number): number;
}

/** From here on any schedule comes around: a leap day that falls on a given weekday takes up to forty years. */
const SOME_MOMENT = new Date(0);

const FIELDS = ['minute', 'hour', 'day of the month', 'month', 'day of the week'];

/** Five cron fields in a time zone of the IANA. Gives a sentence about what is wrong with them instead. */
export function parseSchedule(text: string, timeZone: string): Schedule | string {
  const cron = read(text, timeZone);
  if (cron === undefined) return describe(text, timeZone);
  if (cron.nextRun(SOME_MOMENT) === null) return 'there is no such day in any year, so the job would never run';
  // Croner looks as far as the year 10000.
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() ?? Infinity };
}

function read(text: string, timezone: string): Cron | undefined {
  try {
    return new Cron(text, { timezone, mode: '5-part', paused: true });
  } catch {
    // It throws errors of several kinds for what it cannot read, and for nothing else.
    return undefined;
  }
}

/** Croner's own words repeat the text, which may be of a variable. */
function describe(text: string, timeZone: string): string {
  const wrong = text.split(' ').flatMap((field, at) => {
    const alone = FIELDS.map((_, index) => (index === at ? field : '*')).join(' ');
    return read(alone, timeZone) === undefined ? [FIELDS[at]] : [];
  });
  const which = wrong.length === 0 ? '' : ` (the ${wrong.join(' and the ')} cannot be read)`;
  return `expected five cron fields such as "17 */6 * * *"${which}`;
}
