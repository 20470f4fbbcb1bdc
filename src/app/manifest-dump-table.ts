// What each tag means, one a line: NAME:TAG, the digest, the media type and the size of what it means, between tabs.
import { type Digest, isDigest } from '../oci/digest.ts';

export interface TableRow {
  /** `nginx:1.27` */
  readonly label: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

export const MAX_TABLE_BYTES = 64 * 1024 * 1024;

/** In the order of the labels. */
export function formatTable(rows: Iterable<TableRow>): string {
  const lines = [...rows].map(({ label, digest, mediaType, sizeBytes }) =>
    [label, digest, mediaType, sizeBytes].join('\t'),
  );
  return lines
    .toSorted()
    .map((line) => `${line}\n`)
    .join('');
}

/** Lines that are no rows are passed over: whoever lost them gets them back from the dump's next run. */
export function parseTable(text: string): TableRow[] {
  return text.split('\n').flatMap((line) => {
    const [label = '', digest = '', mediaType = '', size = ''] = line.split('\t');
    return label !== '' && isDigest(digest) ? [{ label, digest, mediaType, sizeBytes: Number(size) }] : [];
  });
}
