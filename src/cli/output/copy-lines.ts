// What a copy says of itself, line by line.
import type { CopyOutcome } from '../../app/copy-outcome.ts';
import type { PlannedCopy } from '../../app/plan-copies.ts';
import { formatBytes, formatDuration, plural } from './format.ts';

export function describeCopy({ source, destination, digest, outcome, bytes }: CopyOutcome): string {
  const what = outcome === 'copied' ? `copied, ${formatBytes(bytes)}` : 'up to date';
  return `${source} -> ${destination}  ${digest ?? ''}  ${what}\n`;
}

export function describePlan({ source, destination, sizeBytes, message }: PlannedCopy): string {
  const size = sizeBytes === undefined ? '' : `  about ${formatBytes(sizeBytes)}`;
  return `${source} -> ${destination}${message === undefined ? size : `  fails: ${message}`}\n`;
}

export function describeTotals(outcomes: readonly CopyOutcome[], seconds: number): string {
  const parts = (
    [
      ['copied', 'copied'],
      ['upToDate', 'up to date'],
      ['deferred', 'deferred for want of pulls'],
      ['failed', 'failed'],
    ] as const
  ).flatMap(([of, words]) => {
    const count = outcomes.filter(({ outcome }) => outcome === of).length;
    return count === 0 ? [] : `${count} ${words}`;
  });
  const bytes = outcomes.reduce((sum, outcome) => sum + outcome.bytes, 0);
  return `${plural(outcomes.length, 'image')}: ${parts.join(', ')}; ${formatBytes(bytes)} sent; ${formatDuration(seconds)}\n`;
}
