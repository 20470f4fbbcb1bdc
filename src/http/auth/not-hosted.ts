import { OciError } from '../../oci/errors.ts';

export function notHosted(name: string): OciError {
  return new OciError(
    'UNSUPPORTED',
    `${name} is not a name that this registry hosts; to push there, ` +
      `add a pattern for it under hosted: in the configuration, or start with --hosted '${name}'`,
  );
}
