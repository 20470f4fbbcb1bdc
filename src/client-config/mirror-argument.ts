import { DOCKER_HUB, isDomain } from '../oci/reference.ts';
import { UsageError } from '../oci/usage-error.ts';
import { parseMirrorAddress } from './mirror-address.ts';

export interface Mirror {
  readonly url: string;
  /** `undefined`: it serves all upstreams. */
  readonly upstream: string | undefined;
}

const NAMES_OF_HUB: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io']);

/** `URL`, or `UPSTREAM=URL`. `known` are names that a misspelt one could mean. Throws UsageError. */
export function parseMirror(text: string, known: readonly string[]): Mirror {
  const [, written, address] = /^([^/=]*)=([^]*)$/.exec(text) ?? [];
  if (written === undefined || address === undefined) return { url: parseMirrorAddress(text), upstream: undefined };
  const upstream = NAMES_OF_HUB.has(written) ? DOCKER_HUB : written;
  if (!known.includes(upstream)) checkIsRegistry(upstream, known);
  return { url: parseMirrorAddress(address), upstream };
}

function checkIsRegistry(name: string, known: readonly string[]): void {
  const shown = JSON.stringify(name.slice(0, 200));
  const meant = known.find((each) => letters(each) === letters(name.toLowerCase()));
  if (meant !== undefined) throw new UsageError(`--mirror ${shown}=… names no registry; did you mean ${meant}?`);
  const isRegistry =
    name.length <= 255 &&
    isDomain(name) &&
    (/[.:]/.test(name) || name === 'localhost') &&
    URL.canParse(`https://${name}`);
  if (isRegistry && name === name.toLowerCase()) return;
  throw new UsageError(
    `--mirror ${shown}=… names no registry; write one as references have it, such as docker.io or ghcr.io`,
  );
}

// Two exchanged letters; other slips would be a registry of somebody else's.
function letters(name: string): string {
  return name.split('').toSorted().join('');
}
