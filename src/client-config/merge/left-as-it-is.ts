import { UsageError } from '../../oci/usage-error.ts';

/** Why nothing was merged into a file: the reason goes on after "as". */
export function leftAsItIs(path: string, reason: string): UsageError {
  return new UsageError(`${path} is left as it is, as ${reason}`);
}
