// A list of mirrors as text: what `--list` prints, `--file` reads. Pure.
import { parseRegistryAddress } from '../../config/registry-address.ts';
import { DOCKER_HUB, isDomain } from '../../oci/reference.ts';
import { checkTemplate } from '../../oci/template.ts';
import { UsageError } from '../../oci/usage-error.ts';

/** A mirror, and whose content it claims to have. */
export interface ProbedMirror {
  /** `docker.io`. */
  readonly upstream: string;
  /** `https://mirror.gcr.io`. */
  readonly url: string;
  /** A template: where it keeps the upstream's repositories. */
  readonly repository: string;
  readonly note?: string | undefined;
}

const MAX_LINES = 10_000;

/** One a line: `UPSTREAM URL [TEMPLATE] [# note]`. Throws UsageError that names the first line which is none. */
export function parseMirrorList(text: string, file: string): readonly ProbedMirror[] {
  const lines = text.split('\n', MAX_LINES + 1);
  if (lines.length > MAX_LINES) throw new UsageError(`${file} has more than ${MAX_LINES} lines`);
  return lines.flatMap((line, index) => {
    const [entry = '', note = ''] = line.split(/\s#\s*|^#/, 2);
    const words = entry.trim().split(/\s+/);
    if (words[0] === '') return [];
    const mirror = words.length <= 3 ? parseEntry(words) : undefined;
    if (mirror !== undefined) return [{ ...mirror, ...(note.trim() !== '' && { note: note.trim() }) }];
    const shown = JSON.stringify(line.slice(0, 100));
    throw new UsageError(
      `${file}:${index + 1}: ${shown} is no mirror; write UPSTREAM URL [TEMPLATE], such as docker.io https://mirror.gcr.io`,
    );
  });
}

/** `mirror.example.com`, `HOST/PREFIX/{repository}`, or with its upstream `ghcr.io=https://…`. Throws UsageError. */
export function parseMirrorArgument(text: string): ProbedMirror {
  const [, upstream = DOCKER_HUB, place = ''] = /^(?:([^=/]+)=)?(.+)$/.exec(text) ?? [];
  const address = parseRegistryAddress(place);
  const mirror = address && parseEntry([upstream, address.origin, ...(address.path === '' ? [] : [address.path])]);
  if (mirror !== undefined) return mirror;
  throw new UsageError(`"${text}" is not a mirror; write a host such as mirror.example.com, or UPSTREAM=URL`);
}

export function formatMirrorList(mirrors: readonly ProbedMirror[]): string {
  return mirrors.map(formatMirror).join('');
}

function formatMirror({ upstream, url, repository, note }: ProbedMirror): string {
  const template = repository === '{repository}' ? '' : ` ${repository}`;
  return `${upstream} ${url}${template}${note === undefined ? '' : `  # ${note}`}\n`;
}

function parseEntry(words: readonly string[]): ProbedMirror | undefined {
  const [upstream = '', place = '', repository = '{repository}'] = words;
  const address = parseRegistryAddress(place);
  if (!isDomain(upstream) || address === undefined || address.path !== '') return undefined;
  try {
    checkTemplate(repository);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
  return { upstream, url: address.origin, repository };
}
