import { UsageError } from './usage-error.ts';

/** image-spec image-index.md, `platform`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
}

/** `os/architecture[/variant]`, as docker's `--platform` takes it. Throws UsageError. */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/');
  if (!os || !architecture || variant === '' || rest.length > 0 || !/^[a-z0-9./_-]+$/.test(text)) {
    throw new UsageError(`"${text}" is not a platform; write os/architecture[/variant], such as linux/arm64`);
  }
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant === undefined || variant === '' ? [] : [variant])].join('/');
}

/**
 * Whether an image of the platform `actual` is one that the person who wrote `wanted` meant. A wanted platform without
 * a variant means every variant; arm64 without a variant is v8, as containerd normalises it. The OS version is left out:
 * `windows/amd64` means every Windows.
 */
export function matchesPlatform(wanted: Platform, actual: Platform): boolean {
  if (wanted.os !== actual.os || wanted.architecture !== actual.architecture) return false;
  return wanted.variant === undefined || variantOf(wanted) === variantOf(actual);
}

function variantOf({ architecture, variant }: Platform): string {
  if (variant !== undefined && variant !== '') return variant;
  return architecture === 'arm64' ? 'v8' : '';
}
