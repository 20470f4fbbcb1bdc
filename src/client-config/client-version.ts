import { UsageError } from '../oci/usage-error.ts';

/** Whether the client is known to be older than a version. One of which nothing is known is not. Throws UsageError. */
export function isBefore(version: string | undefined, major: number, minor = 0): boolean {
  const known = parseVersion(version);
  return known !== undefined && (known.major < major || (known.major === major && known.minor < minor));
}

/** Whether the client is known to be of that version or newer. Throws UsageError. */
export function isFrom(version: string | undefined, major: number, minor = 0): boolean {
  return version !== undefined && !isBefore(version, major, minor);
}

function parseVersion(text: string | undefined): { readonly major: number; readonly minor: number } | undefined {
  if (text === undefined) return undefined;
  const [, major, minor = '0'] = /^v?(\d{1,6})(?:\.(\d{1,6}))?(?:[.+~-][\w.+~-]*)?$/.exec(text) ?? [];
  if (major === undefined) {
    throw new UsageError(
      `${JSON.stringify(text.slice(0, 100))} is not a version; write it as the client prints it, such as 24.0.7`,
    );
  }
  return { major: Number(major), minor: Number(minor) };
}
