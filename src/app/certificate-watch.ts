import { statSync } from 'node:fs';
import type { KeyPairFiles } from '../config/config.ts';
import type { ServerCertificate } from '../http/node.ts';
import type { Log } from '../observe/log.ts';
import { UsageError } from '../oci/usage-error.ts';
import { readKeyPair } from './key-pair.ts';

interface CertificateWatchOptions {
  readonly files: KeyPairFiles;
  readonly log: Log;
  /** Given each certificate that can be used, and has not been given before. */
  readonly use: (certificate: ServerCertificate) => void;
}

const INTERVAL_MS = 5000;

/**
 * Looks every few seconds whether a certificate has been renewed. A file system's events are no help where files are
 * replaced through links, as Kubernetes does. What cannot be used leaves the old certificate in force: certificate and
 * key may just be on their way.
 */
export class CertificateWatch implements Disposable {
  readonly #options: CertificateWatchOptions;
  #seen: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#seen = stateOf(options.files);
  }

  begin(): this {
    this.#timer = setInterval(() => this.check(), INTERVAL_MS).unref();
    return this;
  }

  check(): void {
    const { files, log, use } = this.#options;
    const state = stateOf(files);
    if (state === this.#seen) return;
    this.#seen = state;
    try {
      use(readKeyPair(files));
      log.info('certificate renewed', { file: files.certificateFile });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      log.warn('certificate not used', { reason: error.message });
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function stateOf({ certificateFile, keyFile }: KeyPairFiles): string {
  return [certificateFile, keyFile].map(stateOfFile).join(' ');
}

function stateOfFile(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'none' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}
