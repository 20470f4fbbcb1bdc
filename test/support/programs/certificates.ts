// A certificate authority of the test's own, by openssl: no certificate is kept in the tree, and none runs out there.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runProgram } from './program.ts';

export interface CertificateFiles {
  readonly file: string;
  readonly keyFile: string;
}

export interface CertificateAuthority {
  /** What clients are to trust. */
  readonly file: string;
  /** That is the only thing in it, as `ca.crt`: where docker and skopeo look. */
  readonly folder: string;
  /** A certificate for DNS names and IP addresses, in files of that name; those are replaced. */
  issue(name: string, subjects: readonly string[]): Promise<CertificateFiles>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Written below a folder. */
export async function certificateAuthority(below: string): Promise<CertificateAuthority> {
  const at = (name: string) => path.join(below, name);
  const folder = at('authority');
  await mkdir(folder);
  const [file, authorityKey] = [path.join(folder, 'ca.crt'), at('ca.key')];
  await openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    authorityKey,
    '-out',
    file,
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
  );
  return {
    file,
    folder,
    async issue(name, subjects) {
      const made = { file: at(`${name}.crt`), keyFile: at(`${name}.key`) };
      const [request, extensions] = [at(`${name}.csr`), at(`${name}.names`)];
      const names = subjects.map((subject) => `${/^[\d.]+$|:/.test(subject) ? 'IP' : 'DNS'}:${subject}`);
      await writeFile(extensions, `subjectAltName=${names.join(',')}\n`);
      await openssl('req', ...NEW_KEY, '-keyout', made.keyFile, '-out', request, '-subj', `/CN=${subjects[0]}`);
      const signing = ['-CA', file, '-CAkey', authorityKey, '-CAcreateserial', '-extfile', extensions, '-days', '2'];
      await openssl('x509', '-req', '-in', request, '-out', made.file, ...signing);
      return made;
    },
  };
}

/** As Node's servers take it. */
export async function readCertificate({ file, keyFile }: CertificateFiles): Promise<{ cert: string; key: string }> {
  return { cert: await readFile(file, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}
