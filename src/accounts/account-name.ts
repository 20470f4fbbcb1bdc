import { UsageError } from '../oci/usage-error.ts';

declare const accountBrand: unique symbol;

/** No colon, which ends the name in Basic credentials and in htpasswd files; no white space, which ends it in logs. */
export type AccountName = string & { readonly [accountBrand]: true };

const NAME = /^[A-Za-z0-9][\w.@+-]{0,63}$/;

export function isAccountName(text: string): text is AccountName {
  return NAME.test(text);
}

/** Throws UsageError. */
export function parseAccountName(text: string): AccountName {
  if (isAccountName(text)) return text;
  throw new UsageError(
    `${JSON.stringify(text.slice(0, 100))} is not a name for an account; write letters, digits, ".", "_", "-", "@" and "+", at most 64`,
  );
}
