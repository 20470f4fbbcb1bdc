// What a run amounts to, as a page of Markdown: the step summary of GitHub Actions.
import type { JobReport, SyncReport } from '../../sync/report.ts';
import { formatBytes, formatCount, formatDuration } from './format.ts';

/** A summary may have a MiB. */
const SHOWN_FAILURES = 100;
const SHOWN_NOTICES = 20;
const SHOWN_CHARACTERS = 500;

const OUTCOMES = ['wanted', 'copied', 'upToDate', 'pending', 'deferred', 'failed'] as const;
const HEADINGS = ['wanted', 'copied', 'up to date', 'not there yet', 'deferred', 'failed'];

/** Pure. Nothing in a report, whoever sent it, becomes markup. */
export function stepSummary({ jobs }: SyncReport): string {
  return jobs.map((job) => `${sectionsOf(job).join('\n\n')}\n`).join('\n');
}

function sectionsOf(report: JobReport): string[] {
  const { name, tags, images, failures, notices, seconds, revision } = report;
  const commit = revision === undefined ? '' : `, catalog at commit ${text(revision.slice(0, 12))}`;
  const sections = [
    `## ${text(name)}`,
    `${verdict(report)} in ${formatDuration(seconds)}${commit}.`,
    table(
      ['', ...HEADINGS],
      [
        ['tags', ...OUTCOMES.map((outcome) => formatCount(tags[outcome]))],
        ['images', ...OUTCOMES.map((outcome) => formatCount(images[outcome]))],
      ],
    ),
    trafficOf(report),
  ];
  const budget = budgetOf(report);
  if (budget.length > 0) sections.push(table(['upstream', 'pulls left', 'all back by'], budget));
  if (failures.length > 0) {
    const rows = failures
      .slice(0, SHOWN_FAILURES)
      .map(({ reference, origin, code, message }) => [reference, origin, code, message].map(text));
    sections.push('### Failures', table(['image', 'at fault', 'code', 'what happened'], rows));
    if (failures.length > SHOWN_FAILURES) {
      sections.push(`And ${formatCount(failures.length - SHOWN_FAILURES)} more, which the JSON report lists.`);
    }
  }
  if (notices.length > 0)
    sections.push(
      notices
        .slice(0, SHOWN_NOTICES)
        .map((notice) => `- ${text(notice)}`)
        .join('\n'),
    );
  return sections;
}

function verdict({ tags, failures }: JobReport): string {
  if (tags.failed > 0 || failures.length > 0) return '❌ Some of it failed, and the rest was done';
  if (tags.deferred > 0) return '⏳ Some of it waits for pulls; the next run goes on there';
  return '✅ All that was wanted is there';
}

function trafficOf({ sources, targets }: JobReport): string {
  const from = Object.entries(sources).map(([name, traffic]) => [
    `from ${text(name)}`,
    ...[traffic.manifestGets, traffic.heads, traffic.apiCalls, traffic.blobGets].map(formatCount),
    formatBytes(traffic.bytes),
  ]);
  const to = Object.entries(targets).map(([name, traffic]) => [
    `to ${text(name)}`,
    ...[traffic.manifestPuts, traffic.mounts, traffic.blobPuts].map(formatCount),
    formatBytes(traffic.bytes),
  ]);
  return [
    table(['', 'manifest GETs', 'HEADs', 'API calls', 'blob GETs', 'bytes'], from),
    table(['', 'manifest PUTs', 'mounts', 'blobs sent', 'bytes'], to),
  ].join('\n\n');
}

function budgetOf({ budget, notMetered }: JobReport): string[][] {
  const metered = Object.entries(budget).map(([name, { limit, remaining, windowSeconds, resetsBy }]) => [
    text(name),
    `${formatCount(remaining)} of ${formatCount(limit)} in ${formatDuration(windowSeconds)}`,
    text(resetsBy),
  ]);
  return [...metered, ...notMetered.map((name) => [text(name), 'not metered', ''])];
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

// Character references say every character that Markdown or HTML would take for more than itself.
function text(value: string): string {
  const line = value.replaceAll(/\s+/g, ' ').slice(0, SHOWN_CHARACTERS);
  return line.replaceAll(/[^\p{L}\p{N} ./,;()'"=+-]/gu, (character) => `&#${character.codePointAt(0)};`);
}
