import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './program.ts';

/** Both as PEM, which are also in files. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

const REQUEST = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' ');

/** A certificate that vouches for itself, for some names and for 127.0.0.1. */
export async function makeCertificate(folder: string, names: readonly string[]): Promise<Certificate> {
  const certFile = path.join(folder, 'cert.pem');
  const keyFile = path.join(folder, 'key.pem');
  const alternatives = [...names.map((name) => `DNS:${name}`), 'IP:127.0.0.1'].join(',');
  const files = ['-keyout', keyFile, '-out', certFile];
  const subject = ['-subj', '/CN=wharf tests', '-addext', `subjectAltName=${alternatives}`];
  const { code, stderr } = await runProgram('openssl', [...REQUEST, ...subject, ...files]);
  if (code !== 0) throw new Error(`openssl ended with ${code}: ${stderr}`);
  return { certFile, keyFile, cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}
