// Debian's docker-registry: the registry that most private mirrors are.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateFiles } from './certificates.ts';
import { freePort } from './free-port.ts';
import { type RunningProgram, startProgram } from './program.ts';
import { type ScratchFolder, bulkStorage, scratchFolder } from './scratch-folder.ts';

export interface DockerRegistryOptions {
  /** A line of an htpasswd file; anyone may push and pull without one. */
  readonly htpasswd?: string | undefined;
  readonly isReadOnly?: boolean | undefined;
  /** Where it stores what it is given; a folder of its own otherwise. */
  readonly content?: string | undefined;
  /** It is a pull-through cache of that registry, and cannot be pushed to. */
  readonly cacheOf?: string | undefined;
  /** It speaks TLS. */
  readonly certificate?: CertificateFiles | undefined;
}

export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:5123`. */
  readonly host: string;
  readonly url: string;
  readonly pid: number;
}

/** A fresh registry that is ready to be asked. Disposing it ends it and removes what it stored. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  await using started = new AsyncDisposableStack();
  const folder = started.use(await scratchFolder('registry', bulkStorage));
  const host = `127.0.0.1:${await freePort()}`;
  const config = path.join(folder.path, 'config.yml');
  await writeFile(config, JSON.stringify(await configOf(host, folder, options)));
  const program = started.use(await startProgram('docker-registry', ['serve', config]));
  // Where TLS is spoken, plain HTTP is answered too, with a refusal.
  await untilReady(`http://${host}`, program);
  const url = `${options.certificate === undefined ? 'http' : 'https'}://${host}`;
  const running = started.move();
  return { host, url, pid: program.pid, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

// YAML takes JSON as it is.
async function configOf(addr: string, folder: ScratchFolder, options: DockerRegistryOptions) {
  const { htpasswd, isReadOnly = false, content = path.join(folder.path, 'content'), cacheOf, certificate } = options;
  const passwords = path.join(folder.path, 'htpasswd');
  if (htpasswd !== undefined) await writeFile(passwords, `${htpasswd}\n`);
  return {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      filesystem: { rootdirectory: content },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false }, readonly: { enabled: isReadOnly } },
    },
    http: {
      addr,
      ...(certificate !== undefined && { tls: { certificate: certificate.file, key: certificate.keyFile } }),
    },
    ...(cacheOf !== undefined && { proxy: { remoteurl: cacheOf } }),
    ...(htpasswd !== undefined && { auth: { htpasswd: { realm: 'wharf-tests', path: passwords } } }),
  };
}

const ASK_EVERY_MS = 20;

async function untilReady(url: string, program: RunningProgram): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined);
    await answer?.bytes();
    if (answer !== undefined) return;
    const exit = await Promise.race([program.exited, sleep(ASK_EVERY_MS)]);
    if (exit !== undefined) throw new Error(`docker-registry ended with ${exit.code}: ${exit.stderr}`);
  }
}
