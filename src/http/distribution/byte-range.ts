/** Both ends are inclusive, as in HTTP. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Two numbers of any size that a blob may have fit well; RFC 9110 §14.2 lets a server ignore the field. */
const MAX_HEADER_LENGTH = 200;

/**
 * What a Range header asks of something that has `sizeBytes`: RFC 9110 §14. `undefined` means the whole: there is no
 * header, or one that is not a single range of bytes, which a server may ignore. `unsatisfiable` means 416; so does a
 * range whose ends are swapped, as the conformance suite of distribution-spec has it.
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | undefined {
  const text = header !== undefined && header.length <= MAX_HEADER_LENGTH ? header.trim() : '';
  const [, from = '', to = ''] = /^bytes\s*=\s*(?:(\d+)\s*)?-(?:\s*(\d+))?$/i.exec(text) ?? [];
  if (from === '' && to === '') return undefined;
  const first = from === '' ? Math.max(sizeBytes - Number(to), 0) : Number(from);
  const last = from === '' || to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  return first <= last ? { first, last } : 'unsatisfiable';
}

/** distribution-spec §Pushing a blob in chunks: `<first>-<last>`, without a unit. `undefined` when it is anything else. */
export function parseContentRange(header: string): ByteRange | undefined {
  const [, from, to] = /^(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  const range = { first: Number(from), last: Number(to) };
  return range.first <= range.last ? range : undefined;
}
