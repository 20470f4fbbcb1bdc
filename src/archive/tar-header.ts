// The headers of a tar, for files that are read and written at their places: POSIX ustar, with pax records where a name
// or a size does not fit. What GNU tar writes of the same is read too.
import { UsageError } from '../oci/usage-error.ts';

export const BLOCK_BYTES = 512;
/** Of the records before a file that say what does not fit its header. */
export const MAX_RECORDS_BYTES = 64 * 1024;

type TarKind = 'file' | 'folder' | 'pax' | 'pax-of-all' | 'gnu-name' | 'other';

export interface TarHeader {
  readonly name: string;
  readonly sizeBytes: number;
  readonly kind: TarKind;
}

const NAME_BYTES = 100;
const SIZE_DIGITS = 11;
const MAX_OCTAL_SIZE = 8 ** SIZE_DIGITS - 1;
const CHECKSUM = { at: 148, bytes: 8 };
const KINDS: Readonly<Record<string, TarKind>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '5': 'folder',
  x: 'pax',
  g: 'pax-of-all',
  L: 'gnu-name',
};

/** All that stands before the bytes of a file. Says neither a time nor an owner: equal files make equal headers. */
export function formatFileHeader(name: string, sizeBytes: number): Uint8Array {
  const records: [string, string][] = [];
  if (Buffer.byteLength(name) > NAME_BYTES) records.push(['path', name]);
  if (sizeBytes > MAX_OCTAL_SIZE) records.push(['size', String(sizeBytes)]);
  const header = formatHeader(name, sizeBytes > MAX_OCTAL_SIZE ? 0 : sizeBytes, '0');
  if (records.length === 0) return header;
  const body = Buffer.from(records.map(formatRecord).join(''));
  const padding = Buffer.alloc(padded(body.byteLength) - body.byteLength);
  return Buffer.concat([formatHeader('pax-header', body.byteLength, 'x'), body, padding, header]);
}

/** `undefined`: a block of zeros, which ends an archive. Throws UsageError, with `label` for the archive. */
export function readHeader(block: Uint8Array, label: string): TarHeader | undefined {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (bytes.every((byte) => byte === 0)) return undefined;
  if (bytes.toString('latin1', 257, 262) !== 'ustar' || readNumber(bytes, CHECKSUM) !== checksumOf(bytes)) {
    throw new UsageError(`${label} is not a whole tar archive: there is no header where one has to be`);
  }
  // GNU tar has other things where POSIX has the beginning of a long name.
  const prefix = bytes[262] === 0 ? textAt(bytes, 345, 155) : '';
  const name = textAt(bytes, 0, NAME_BYTES);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    sizeBytes: readNumber(bytes, { at: 124, bytes: 12 }),
    kind: KINDS[String.fromCharCode(bytes[156] ?? 0)] ?? 'other',
  };
}

/** What the records of a pax header say of the file behind it. Throws UsageError. */
export function readRecords(bytes: Uint8Array, label: string): { readonly name?: string; readonly sizeBytes?: number } {
  const found: { name?: string; sizeBytes?: number } = {};
  for (let rest = Buffer.from(bytes); rest.byteLength > 0;) {
    const space = rest.indexOf(' ');
    const length = Number(rest.toString('latin1', 0, Math.max(0, space)));
    const record = rest.toString('utf8', space + 1, length);
    if (!Number.isInteger(length) || length <= space + 1 || length > rest.byteLength || !record.endsWith('\n')) {
      throw new UsageError(`${label} is not a whole tar archive: it has a pax record that is none`);
    }
    const [, key = '', value = ''] = /^([^=]*)=(.*)\n$/s.exec(record) ?? [];
    if (key === 'path') found.name = value;
    if (key === 'size') found.sizeBytes = readSize(value, label);
    // A sparse file's bytes are not those that it is read as.
    if (key.startsWith('GNU.sparse')) throw new UsageError(`${label} has a sparse file, which no bundle has`);
    rest = rest.subarray(length);
  }
  return found;
}

/** How much room so many bytes take. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function formatHeader(name: string, sizeBytes: number, type: string): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, NAME_BYTES, 'utf8');
  const fields: [number, string][] = [
    [100, '0000644\0'],
    [108, '0000000\0'],
    [116, '0000000\0'],
    [124, `${sizeBytes.toString(8).padStart(SIZE_DIGITS, '0')}\0`],
    [136, '00000000000\0'],
    [156, type],
    [257, 'ustar\x0000'],
    [329, '0000000\0'],
    [337, '0000000\0'],
  ];
  for (const [at, text] of fields) header.write(text, at, 'latin1');
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, CHECKSUM.at, 'latin1');
  return header;
}

/** POSIX: the sum of all bytes, with blanks in the place of the sum itself. */
function checksumOf(header: Uint8Array): number {
  const isSum = (at: number) => at >= CHECKSUM.at && at < CHECKSUM.at + CHECKSUM.bytes;
  return header.reduce((sum, byte, at) => sum + (isSum(at) ? 32 : byte), 0);
}

/** `LENGTH KEY=VALUE`, where the length counts its own digits. */
function formatRecord([key, value]: readonly [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (Buffer.byteLength(`${length}${rest}`) !== length) length = Buffer.byteLength(`${length}${rest}`);
  return `${length}${rest}`;
}

function textAt(bytes: Buffer, at: number, length: number): string {
  const text = bytes.subarray(at, at + length);
  const end = text.indexOf(0);
  return text.toString('utf8', 0, end < 0 ? length : end);
}

/** Octal digits; what is too large for them GNU tar writes in base 256. A number that is none is NaN. */
function readNumber(bytes: Buffer, { at, bytes: length }: { readonly at: number; readonly bytes: number }): number {
  const field = bytes.subarray(at, at + length);
  if (field[0] === 0x80) return Number(BigInt(`0x${field.subarray(1).toString('hex')}`));
  const digits = field.toString('latin1').replaceAll('\0', ' ').trim();
  return /^[0-7]*$/.test(digits) ? Number(`0o${digits || '0'}`) : NaN;
}

function readSize(text: string, label: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`${label} is not a whole tar archive: it has a size that is none`);
}
