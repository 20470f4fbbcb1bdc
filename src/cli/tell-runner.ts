import { appendFile } from 'node:fs/promises';
import type { SyncReport } from '../sync/report.ts';
import { annotationsOf } from './output/annotations.ts';
import { stepSummary } from './output/step-summary.ts';
import type { Terminal } from './terminal.ts';

/** Says what runs came to in the ways of GitHub Actions, where this is a step of theirs. */
export async function tellRunner(report: SyncReport, terminal: Terminal): Promise<void> {
  const { GITHUB_ACTIONS: isActions, GITHUB_STEP_SUMMARY: file = '' } = terminal.env;
  if (isActions === 'true') terminal.err(annotationsOf(report.jobs));
  if (file === '') return;
  try {
    await appendFile(file, stepSummary(report));
  } catch (error) {
    terminal.err(`note: the step summary ${file} cannot be written: ${(error as Error).message}\n`);
  }
}
