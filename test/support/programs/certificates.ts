// A certificate authority of our own, and a certificate of it for names that exist nowhere.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './program.ts';

export interface Certificates {
  /** The authority's certificate is the only thing in it, as `ca.crt`: where docker and skopeo look. */
  readonly authorityFolder: string;
  readonly authority: string;
  readonly file: string;
  readonly keyFile: string;
}

/** Written below a folder. */
export async function makeCertificates(folder: string, names: readonly string[]): Promise<Certificates> {
  const at = (name: string) => path.join(folder, name);
  const authorityFolder = at('authority');
  await mkdir(authorityFolder);
  const made = {
    authorityFolder,
    authority: path.join(authorityFolder, 'ca.crt'),
    file: at('server.crt'),
    keyFile: at('server.key'),
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await writeFile(at('names'), `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}\n`);
  const root = [
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    made.authority,
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
  ];
  await openssl('req', ...root);
  await openssl('req', ...newKey, '-keyout', made.keyFile, '-out', at('server.csr'), '-subj', `/CN=${names[0]}`);
  const signing = [
    '-CA',
    made.authority,
    '-CAkey',
    at('ca.key'),
    '-set_serial',
    '1',
    '-days',
    '2',
    '-extfile',
    at('names'),
  ];
  await openssl('x509', '-req', '-in', at('server.csr'), '-out', made.file, ...signing);
  return made;
}

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}
