import type { JobStatus, RunStatus } from '../../http/admin/admin-subject.ts';
import { formatDuration } from './format.ts';
import { formatTable } from './table.ts';

/** A line for each job. */
export function jobTable(jobs: readonly JobStatus[]): string {
  const headings = ['NAME', 'SCHEDULE', 'STATE', 'LAST RUN', 'RESULT', 'COMMIT', 'NEXT RUN'];
  const rows = jobs.map(({ name, schedule, timeZone, paused, running, last, next }) => [
    name,
    schedule === null ? '-' : timeZone === 'UTC' ? schedule : `${schedule} ${timeZone}`,
    [...(running ? ['running'] : []), ...(paused ? ['paused'] : [])].join(', ') || 'idle',
    last === null ? '-' : shortTime(last.startedAt),
    last === null ? '-' : resultOf(last),
    commitOf(last),
    next === null ? '-' : shortTime(next.at),
  ]);
  return formatTable(headings, rows);
}

/** A line for each run, the latest first, and what failed in the last of them that has ended. */
export function runTable(runs: readonly RunStatus[]): string {
  const headings = ['STARTED', 'REASON', 'TOOK', 'RESULT', 'COMMIT'];
  const rows = runs.map((run) => [shortTime(run.startedAt), run.reason, durationOf(run), resultOf(run), commitOf(run)]);
  const [last] = runs.filter(({ outcome }) => outcome !== 'running');
  const failures = last?.failures?.map(({ reference, message }) => `  ${reference}: ${message}\n`) ?? [];
  const message = last?.message === undefined ? '' : `\n  ${last.message}\n`;
  return `${formatTable(headings, rows)}${failures.length > 0 ? `\n${failures.join('')}` : ''}${message}`;
}

function resultOf({ outcome, tags }: RunStatus): string {
  if (tags === undefined) return outcome;
  const counted = ['copied', 'deferred', 'failed'].filter((kind) => (tags[kind] ?? 0) > 0);
  const counts = counted.map((kind) => `${tags[kind]} ${kind}`);
  return [outcome, ...(counts.length === 0 ? [] : [`(${counts.join(', ')})`])].join(' ');
}

function durationOf({ startedAt, endedAt }: RunStatus): string {
  return endedAt === null ? '-' : formatDuration((Date.parse(endedAt) - Date.parse(startedAt)) / 1000);
}

function commitOf(run: RunStatus | null): string {
  return run?.revision?.slice(0, 12) ?? '-';
}

/** `2026-11-23 10:00:00`, UTC. */
function shortTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
