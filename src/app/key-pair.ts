import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { KeyPairFiles } from '../config/config.ts';
import type { ServerCertificate } from '../http/node.ts';
import { UsageError } from '../oci/usage-error.ts';

/** The files as they are now. Throws UsageError when they cannot be read, are no PEM, or do not belong together. */
export function readKeyPair({ certificateFile, keyFile }: KeyPairFiles): ServerCertificate {
  const cert = readPem('certificate', certificateFile);
  const key = readPem('key', keyFile);
  const certificate = parsed(`the certificate in ${certificateFile}`, () => new X509Certificate(cert));
  const privateKey = parsed(`the key in ${keyFile}`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new UsageError(`the key in ${keyFile} is not that of the certificate in ${certificateFile}`);
  }
  parsed(`the certificate in ${certificateFile}`, () => createSecureContext({ cert, key }));
  return { cert, key };
}

/** `what` it is, for the sentence of the UsageError when the file cannot be read. */
export function readPem(what: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the ${what} in ${file} cannot be read: ${(error as Error).message}`);
  }
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`${what} cannot be used (${(error as Error).message}); it is to be a PEM file`, {
      cause: error,
    });
  }
}
