const BLOCK = 512;

/** One regular file of a ustar archive: header and content, padded to whole blocks. */
export function tarEntry(path: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0);
  header.write('0000644\x000000000\x000000000\0', 100);
  header.write(`${octal(content.byteLength)} ${octal(0)} `, 124);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc(-content.byteLength & (BLOCK - 1))]);
}

/** Two empty blocks end an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK);
}

function octal(value: number): string {
  return value.toString(8).padStart(11, '0');
}
