// TLS as a server, with certificates that are renewed while clients pull, and as a client that shows one of its own.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { packTar } from 'modern-tar';
import { expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { type CertificateAuthority, certificateAuthority } from '../support/programs/certificates.ts';
import { startDockerRegistry } from '../support/programs/docker-registry.ts';
import { freePort } from '../support/programs/free-port.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { type RunningProgram, runProgram } from '../support/programs/program.ts';
import { startNginx } from '../support/programs/nginx.ts';
import { until } from '../support/programs/until.ts';
import { type Wharf, openWharf } from '../support/programs/wharf.ts';
import { PLAIN } from '../support/saved-archive.ts';

const missing = missingPrograms('openssl', 'skopeo', 'nginx', 'docker-registry');
const MIB = 1024 * 1024;

async function serveSecurely(wharf: Wharf): Promise<{ url: string; program: RunningProgram; log: string }> {
  const log = path.join(wharf.folder, 'log');
  const tls = { certificate: 'server.crt', key: 'server.key' };
  await wharf.configure(JSON.stringify({ listen: '127.0.0.1:0', admin: 'off', upstreams: {}, hosted: ['**'], tls }));
  const program = await wharf.start(['serve'], {}, log);
  return { url: (await program.firstLine).replace('listening on ', ''), program, log };
}

/** In the files that the server reads, as a person would renew them: certificate and key one after the other. */
async function install(authority: CertificateAuthority, wharf: Wharf, name: string): Promise<void> {
  const { file, keyFile } = await authority.issue(name, ['127.0.0.1', 'registry.test']);
  await copyFile(file, path.join(wharf.folder, 'server.crt'));
  await copyFile(keyFile, path.join(wharf.folder, 'server.key'));
}

interface Asked {
  readonly answer: IncomingMessage;
  readonly serial: string;
}

async function ask(url: string, options: { ca: Buffer; agent?: Agent; host?: string }): Promise<Asked> {
  const { ca, agent = new Agent(), host } = options;
  const headers = host === undefined ? {} : { host };
  const [answer] = (await once(request(url, { ca, agent, headers }).end(), 'response')) as [IncomingMessage];
  return { answer, serial: (answer.socket as TLSSocket).getPeerCertificate().serialNumber };
}

async function sizeOf(answer: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of answer) bytes += (chunk as Buffer).length;
  return bytes;
}

test.skipIf(missing !== undefined)(
  `a certificate is renewed without a dropped connection, and what is no certificate is not used${skipNote(missing)}`,
  async () => {
    await using wharf = await openWharf();
    const authority = await certificateAuthority(wharf.folder);
    const ca = await readFile(authority.file);
    await install(authority, wharf, 'one');
    const { url, program, log } = await serveSecurely(wharf);
    await using _ = program;
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);

    const archive = await savedImage(wharf.folder);
    const registry = url.replace('https://', '');
    const to = ['--dest-cert-dir', authority.folder, `docker-archive:${archive}`, `docker://${registry}/team/app:1`];
    expect(await runProgram('skopeo', ['copy', ...to])).toMatchObject({ code: 0, stderr: '' });

    const blob = randomBytes(64 * MIB);
    const at = await push(`${url}/v2/team/app/blobs/uploads/`, blob, ca);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const pull = await ask(new URL(at, url).href, { ca, agent });

    await install(authority, wharf, 'two');
    await until(async () => (await ask(`${url}/v2/`, { ca })).serial !== pull.serial);
    expect(await sizeOf(pull.answer)).toBe(blob.length);
    const again = await ask(`${url}/v2/`, { ca, agent });
    expect(again.serial).toBe(pull.serial);
    agent.destroy();

    await writeFile(path.join(wharf.folder, 'server.key'), 'no key at all');
    await until(async () => (await readFile(log, 'utf8')).includes('certificate not used'));
    expect((await ask(`${url}/v2/`, { ca })).answer.statusCode).toBe(200);
  },
);

test.skipIf(missing !== undefined)(
  `browsers are told to come by https where they came by a name${skipNote(missing)}`,
  async () => {
    await using wharf = await openWharf();
    const authority = await certificateAuthority(wharf.folder);
    const ca = await readFile(authority.file);
    await install(authority, wharf, 'one');
    const { url, program } = await serveSecurely(wharf);
    await using _ = program;
    const header = async (host?: string) =>
      (await ask(`${url}/v2/`, { ca, ...(host !== undefined && { host }) })).answer.headers[
        'strict-transport-security'
      ];
    expect(await header('registry.test')).toBe('max-age=31536000');
    expect(await header()).toBeUndefined();
  },
);

test.skipIf(missing !== undefined)(
  `a key that is not the certificate's is refused in a sentence before anything listens${skipNote(missing)}`,
  async () => {
    await using wharf = await openWharf();
    const authority = await certificateAuthority(wharf.folder);
    await install(authority, wharf, 'one');
    await authority.issue('other', ['127.0.0.1']);
    await copyFile(path.join(wharf.folder, 'other.key'), path.join(wharf.folder, 'server.key'));
    const tls = { certificate: 'server.crt', key: 'server.key' };
    await wharf.configure(JSON.stringify({ listen: '127.0.0.1:0', admin: 'off', upstreams: {}, hosted: ['**'], tls }));
    const { code, stdout, stderr } = await wharf.run(['serve']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/the key in \S+server\.key is not that of the certificate in \S+server\.crt\n$/);
  },
);

test.skipIf(missing !== undefined)(
  `a registry that asks for a certificate is shown the configured one${skipNote(missing)}`,
  async () => {
    await using wharf = await openWharf();
    await using registry = await startDockerRegistry();
    const authority = await certificateAuthority(wharf.folder);
    await authority.issue('server', ['127.0.0.1']);
    await authority.issue('client', ['wharf.test']);
    await using nginx = await startStrictNginx({ authority, folder: wharf.folder, behind: registry.url });
    const archive = await savedImage(wharf.folder);
    const host = registry.url.replace('http://', '');
    const plain = ['copy', '--plain-http', `docker-archive:${archive}`, `${host}/team/app:1`];
    expect(await wharf.run(plain)).toMatchObject({ code: 0 });
    const inspect = async (clientCertificate?: { certificate: string; key: string }) => {
      const strict = { url: nginx.url, ca: authority.file, clientCertificate };
      await wharf.configure(JSON.stringify({ upstreams: { 'strict.test': strict } }));
      return await wharf.run(['inspect', '--raw', 'strict.test/team/app:1']);
    };
    expect(await inspect()).toMatchObject({ code: 1, stdout: '' });
    const { code, stdout } = await inspect({ certificate: 'client.crt', key: 'client.key' });
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { schemaVersion: 2 }]);
  },
);

async function savedImage(folder: string): Promise<string> {
  const archive = path.join(folder, 'image.tar');
  await writeFile(archive, await packTar(PLAIN));
  return archive;
}

/** Gives the blob's path. */
async function push(uploads: string, blob: Uint8Array, ca: Buffer): Promise<string> {
  const pushing = request(`${uploads}?digest=${digestOf(blob)}`, { method: 'POST', ca }).end(blob);
  const [answer] = (await once(pushing, 'response')) as [IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(201);
  return answer.headers.location ?? '';
}

/** Lets nobody through to the registry without a certificate of the authority. */
async function startStrictNginx({ authority, folder, behind }: StrictNginxOptions) {
  const port = await freePort();
  const nginx = await startNginx(
    `server {
  listen 127.0.0.1:${port} ssl;
  ssl_certificate ${folder}/server.crt; ssl_certificate_key ${folder}/server.key;
  ssl_client_certificate ${authority.file}; ssl_verify_client on;
  location / { proxy_pass ${behind}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https; }
}
`,
    port,
  );
  return { ...nginx, url: `https://127.0.0.1:${port}` };
}

interface StrictNginxOptions {
  readonly authority: CertificateAuthority;
  readonly folder: string;
  readonly behind: string;
}
