import type { Counts, JobReport } from '../../sync/report.ts';
import type { Terminal } from '../terminal.ts';
import { formatBytes, formatCount, formatDuration, plural } from './format.ts';

const SHOWN_FAILURES = 20;

/** What a finished run amounts to, for a person. */
export function printSummary(terminal: Terminal, report: JobReport): void {
  const { images, tags, failures, seconds, name } = report;
  terminal.out(`${name}: ${describe(tags, 'tag')}; ${describe(images, 'image')}; ${formatDuration(seconds)}\n`);
  for (const [source, traffic] of Object.entries(report.sources)) {
    const requests = [
      plural(traffic.manifestGets, 'manifest GET'),
      plural(traffic.heads, 'HEAD'),
      ...(traffic.apiCalls > 0 ? [plural(traffic.apiCalls, 'API call')] : []),
      plural(traffic.blobGets, 'blob GET'),
    ];
    terminal.out(`  from ${source}: ${requests.join(', ')}, ${formatBytes(traffic.bytes)}\n`);
  }
  for (const [target, traffic] of Object.entries(report.targets)) {
    const requests = `${plural(traffic.blobPuts, 'blob')} sent, ${formatCount(traffic.mounts)} mounted, ${plural(traffic.manifestPuts, 'manifest PUT')}`;
    terminal.out(`  to ${target}: ${requests}, ${formatBytes(traffic.bytes)}\n`);
  }
  for (const [upstream, { limit, remaining, windowSeconds, resetsBy }] of Object.entries(report.budget)) {
    const window = formatDuration(windowSeconds);
    terminal.out(
      `  ${upstream}: ${remaining} of ${limit} pulls left in ${window}, full again at the latest at ${resetsBy}\n`,
    );
  }
  for (const upstream of report.notMetered) terminal.out(`  ${upstream}: not metered\n`);
  if (report.changes !== undefined) {
    const { since, tags: changed } = report.changes;
    terminal.out(`  the catalog changed ${plural(changed, 'tag')} since commit ${since.slice(0, 12)}\n`);
  }
  for (const { reference, origin, message } of failures.slice(0, SHOWN_FAILURES)) {
    terminal.out(`  failed: ${reference} (${origin}): ${message}\n`);
  }
  if (failures.length > SHOWN_FAILURES) {
    terminal.out(`  and ${plural(failures.length - SHOWN_FAILURES, 'failure')} more; --json lists them all\n`);
  }
}

function describe(counts: Counts, noun: string): string {
  const parts = [
    [counts.copied, 'copied'],
    [counts.upToDate, 'up to date'],
    [counts.pending, 'not there yet'],
    [counts.deferred, 'deferred for want of pulls'],
    [counts.failed, 'failed'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, words]) => `${formatCount(count)} ${words}`);
  return `${plural(counts.wanted, noun)} (${said.length === 0 ? 'nothing to do' : said.join(', ')})`;
}
