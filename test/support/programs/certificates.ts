// Certificates of an authority of the test's own, made by openssl: none is kept in the tree, and none runs out.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from './program.ts';

interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface CertificateAuthority {
  /** What clients are to trust. */
  readonly caFile: string;
  /** A certificate for DNS names and IP addresses, in files `name.crt` and `name.key`; those are replaced. */
  issue(name: string, subjects: readonly string[]): Promise<CertificateFiles>;
}

export async function certificateAuthority(folder: string): Promise<CertificateAuthority> {
  const at = (name: string) => path.join(folder, name);
  const [caFile, caKey] = [at('ca.crt'), at('ca.key')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(['req', '-x509', ...key, '-keyout', caKey, '-out', caFile, '-days', '2', '-subj', '/CN=A test']);
  return {
    caFile,
    async issue(name, subjects) {
      const [certificateFile, keyFile, request] = [at(`${name}.crt`), at(`${name}.key`), at(`${name}.csr`)];
      const extensions = at(`${name}.ext`);
      const alternatives = subjects.map((subject) => `${/^[\d.]+$|:/.test(subject) ? 'IP' : 'DNS'}:${subject}`);
      writeFileSync(extensions, `subjectAltName=${alternatives.join(',')}\n`);
      await openssl(['req', ...key, '-keyout', keyFile, '-out', request, '-subj', `/CN=${subjects[0]}`]);
      const signing = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-extfile', extensions, '-days', '1'];
      await openssl(['x509', '-req', '-in', request, ...signing, '-out', certificateFile]);
      return { certificateFile, keyFile };
    },
  };
}

async function openssl(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram('openssl', args);
  if (code !== 0) throw new Error(`openssl ${args[0]} ended with ${code}: ${stderr}`);
}
