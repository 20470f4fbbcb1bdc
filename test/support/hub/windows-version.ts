import { formatPlatform, type Platform } from '../../../src/oci/platform.ts';

const VERSIONS: Readonly<Record<string, string>> = {
  ltsc2019: '10.0.17763.7678',
  ltsc2022: '10.0.20348.4052',
  ltsc2025: '10.0.26100.4946',
};

/** Which Windows an image is built on, as its tags tell: `1.2-windowsservercore-ltsc2022`. */
export function windowsVersion(tags: readonly string[]): string | undefined {
  const [found] = tags.flatMap((tag) => /ltsc\d{4}/.exec(tag) ?? []);
  return found === undefined ? undefined : VERSIONS[found];
}

/** An index names the platform of a Windows image with its version. */
export function withWindowsVersion(platform: Platform, tags: readonly string[]): Platform {
  const version = platform.os === 'windows' ? windowsVersion(tags) : undefined;
  return version === undefined ? platform : { ...platform, 'os.version': version };
}

/** Platform and version, for what has to be different for each. */
export function fullPlatform(platform: Platform): string {
  return [formatPlatform(platform), platform['os.version'] ?? ''].join(' ').trim();
}
