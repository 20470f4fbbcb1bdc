// What a webhook is told: a public format, see docs/notifications.md.
import { createHmac } from 'node:crypto';
import type { NotifiedEvent } from '../config/config.ts';
import type { RunOutcome } from '../journal/job-runs.ts';
import type { Lie } from '../sync/report.ts';
import type { EndedRun } from './ended-run.ts';

export interface Notification {
  readonly event: NotifiedEvent;
  readonly document: Readonly<Record<string, unknown>>;
}

/** Runs that somebody ended on purpose, and those that never began, are no news. */
const EVENTS: Readonly<Partial<Record<RunOutcome, NotifiedEvent>>> = {
  done: 'finished',
  failed: 'failed',
  interrupted: 'failed',
  deferred: 'deferred',
};

/** Of the run, and of each mirror that it caught. */
export function notificationsOf(run: EndedRun): readonly Notification[] {
  const { job, reason, startedAtMs, endedAtMs, outcome, account, lies } = run;
  const { resumesAtMs, ...told } = account;
  const event = EVENTS[outcome];
  const [startedAt, endedAt] = [timeOf(startedAtMs), timeOf(endedAtMs)];
  const resumesAt = resumesAtMs === undefined ? {} : { resumesAt: timeOf(resumesAtMs) };
  const document = { version: 1, event, job, reason, outcome, startedAt, endedAt, ...told, ...resumesAt };
  return [
    ...(event === undefined ? [] : [{ event, document }]),
    ...lies.map((lie) => notificationOfLie(lie, endedAtMs, job)),
  ];
}

export function notificationOfLie({ mirror, digest, proof }: Lie, atMs: number, job?: string): Notification {
  const document = {
    version: 1,
    event: 'lie',
    ...(job !== undefined && { job }),
    at: timeOf(atMs),
    mirror,
    digest,
    proof,
  };
  return { event: 'lie', document };
}

/** So that whoever gets it knows who sent it, and when: without the time an old one could be sent again. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
