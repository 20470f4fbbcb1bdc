import { spawnSync } from 'node:child_process';

/**
 * Why tests that need these programs of the machine have to be skipped: `skopeo is not installed`; `undefined` when
 * none is missing. Throws with CI=true, where nobody reads what was skipped.
 */
export function missingPrograms(...programs: readonly string[]): string | undefined {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  if (missing.length === 0) return undefined;
  const reason = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed`;
  if (process.env['CI'] === 'true') throw new Error(`${reason}, and in CI no test may be left out`);
  return reason;
}

/** The end of a title: why what follows is skipped, if it is. */
export function skipNote(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`;
}
