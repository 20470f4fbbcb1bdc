// What a run says to GitHub Actions in its log: workflow commands, one a line, which become annotations of the run.
import type { JobReport } from '../../sync/report.ts';
import { plural } from './format.ts';

/** GitHub shows ten of a kind for a step, and drops the others. */
const SHOWN = 9;

export type AnnotationLevel = 'error' | 'warning';

/** One line for each failure, and one for what was deferred. */
export function annotationsOf(reports: readonly JobReport[]): string {
  const failures = reports.flatMap((report) => report.failures);
  const lines = failures
    .slice(0, SHOWN)
    .map(({ reference, origin, message }) => annotation('error', `${reference} (${origin})`, message));
  if (failures.length > SHOWN) {
    const more = `${plural(failures.length - SHOWN, 'more failure')}: the summary and the report have them`;
    lines.push(annotation('error', 'wharf', more));
  }
  for (const { name, tags } of reports.filter((report) => report.tags.deferred > 0)) {
    const message = `${plural(tags.deferred, 'tag')} deferred for want of pulls; the next run goes on there`;
    lines.push(annotation('warning', name, message));
  }
  return lines.join('');
}

/** Whatever the texts hold, it is one line and one command: what would end either is written in GitHub's own escapes. */
export function annotation(level: AnnotationLevel, title: string, message: string): string {
  return `::${level} title=${escaped(title).replaceAll(':', '%3A').replaceAll(',', '%2C')}::${escaped(message)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
