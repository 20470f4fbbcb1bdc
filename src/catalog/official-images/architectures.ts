import type { Platform } from '../../oci/platform.ts';

/** Every architecture that bashbrew builds for, in the order in which we list platforms. */
const PLATFORMS = {
  amd64: { os: 'linux', architecture: 'amd64' },
  arm32v5: { os: 'linux', architecture: 'arm', variant: 'v5' },
  arm32v6: { os: 'linux', architecture: 'arm', variant: 'v6' },
  arm32v7: { os: 'linux', architecture: 'arm', variant: 'v7' },
  arm64v8: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  i386: { os: 'linux', architecture: '386' },
  mips64le: { os: 'linux', architecture: 'mips64le' },
  ppc64le: { os: 'linux', architecture: 'ppc64le' },
  riscv64: { os: 'linux', architecture: 'riscv64' },
  s390x: { os: 'linux', architecture: 's390x' },
  'windows-amd64': { os: 'windows', architecture: 'amd64' },
} as const satisfies Record<string, Platform>;

/** A name of bashbrew's: `arm64v8` is what the rest of the world calls linux/arm64/v8. */
export type Architecture = keyof typeof PLATFORMS;

export const ARCHITECTURES = Object.keys(PLATFORMS) as readonly Architecture[];

export function isArchitecture(text: string): text is Architecture {
  return Object.hasOwn(PLATFORMS, text);
}

/** Each platform once, in one fixed order. */
export function platformsOf(architectures: Iterable<Architecture>): Platform[] {
  const wanted = new Set(architectures);
  return ARCHITECTURES.filter((architecture) => wanted.has(architecture)).map(
    (architecture) => PLATFORMS[architecture],
  );
}
