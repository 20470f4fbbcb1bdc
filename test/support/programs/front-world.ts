// Wharf with three upstreams, as it stands behind a server in front: each upstream has a name that is in no DNS.
import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import type { ClientSetup } from '../../../src/client-config/client-setup.ts';
import type { FrontServerOptions } from '../../../src/client-config/front-server.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { type CertificateAuthority, certificateAuthority } from './certificates.ts';
import { freePort } from './free-port.ts';
import { startHubProcess } from './hub-process.ts';
import { SMALL_LIBRARY } from './library-folder.ts';
import type { NameProxy } from './name-proxy.ts';
import { runProgram } from './program.ts';
import { startRegistryProcess } from './registry-process.ts';
import { scratchFolder } from './scratch-folder.ts';
import { copyBySkopeo, digestBySkopeo } from './skopeo.ts';
import { openWharf } from './wharf.ts';

export interface FrontWorld extends AsyncDisposable {
  readonly setup: ClientSetup;
  readonly options: FrontServerOptions & Required<Pick<FrontServerOptions, 'certificate'>>;
  /** Where the server in front is to listen. */
  readonly port: number;
  readonly authority: CertificateAuthority;
  /** Of Wharf's data folder. */
  readonly blobsFolder: string;
  readonly images: readonly FrontImage[];
  /** Starts Wharf with the settings that a configuration of the server in front tells of. */
  serve(frontConfiguration: string): Promise<void>;
}

interface FrontImage {
  /** `docker.mirror.test:5443/library/nginx:1.29` */
  readonly reference: string;
  /** What its owner says that its tag means. */
  readonly digest: string;
}

const UPSTREAMS = {
  'docker.io': { host: 'docker.mirror.test', image: 'library/nginx:1.29', from: 'library/nginx:1.29' },
  'ghcr.io': { host: 'ghcr.mirror.test', image: 'owner/app:1', from: 'library/nginx:1.29-alpine' },
  'quay.io': { host: 'quay.mirror.test', image: 'team/tool:2', from: 'library/hello-world:linux' },
} as const;

/** Pushes to `team/**` are for Wharf itself. */
export async function openFrontWorld(): Promise<FrontWorld> {
  await using opened = new AsyncDisposableStack();
  const hub = opened.use(await startHubProcess({ library: SMALL_LIBRARY, layerBytes: 200_000 }));
  const second = opened.use(await startRegistryProcess());
  const folder = opened.use(await scratchFolder('front'));
  const hosts = Object.values(UPSTREAMS).map(({ host }) => host);
  const authority = await certificateAuthority(folder.path);
  const certificate = await authority.issue('server', hosts);
  const wharf = opened.use(await openWharf());
  // Servers in front run as users of their own.
  await chmod(wharf.folder, 0o755);
  const [port, backendPort] = [await freePort(), await freePort()];
  const images: FrontImage[] = [];
  for (const [name, { host, image, from }] of Object.entries(UPSTREAMS)) {
    const place = name === 'docker.io' ? `${new URL(hub.registryUrl).host}/${image}` : `${second.host}/${image}`;
    if (name !== 'docker.io') await copyBySkopeo(`${new URL(hub.registryUrl).host}/${from}`, place);
    images.push({ reference: `${host}:${port}/${image}`, digest: await digestBySkopeo(place) });
  }
  const upstreams = Object.entries(UPSTREAMS).map(([name, { host }]) => ({
    name,
    registryUrl: `https://${name}`,
    endpoints: [{ url: `https://${host}:${port}`, isDedicated: true }],
  }));
  const urlOf = (name: string) => (name === 'docker.io' ? hub.registryUrl : second.url);
  const world = opened.move();
  return {
    setup: { upstreams },
    options: { bind: '127.0.0.1', backend: `127.0.0.1:${backendPort}`, certificate },
    port,
    authority,
    blobsFolder: path.join(wharf.folder, 'wharf-data/blobs-v1'),
    images,
    async serve(frontConfiguration) {
      await wharf.configure(settingsOf(frontConfiguration, urlOf));
      const server = world.use(await wharf.start(['serve', '--admin', 'off']));
      await server.firstLine;
    },
    [Symbol.asyncDispose]: () => world.disposeAsync(),
  };
}

/** As a person does who copies the first lines; only the upstreams are elsewhere here. */
function settingsOf(frontConfiguration: string, urlOf: (upstream: string) => string): string {
  const lines = [...frontConfiguration.matchAll(/^# {5}(.*)$/gm)].map(([, line]) => line);
  const settings = parse(lines.join('\n')) as { readonly upstreams: Readonly<Record<string, object>> };
  const upstreams = Object.entries(settings.upstreams).map(([name, upstream]) => [
    name,
    { ...upstream, url: urlOf(name), ...(name === 'docker.io' && { hubApi: 'off' }) },
  ]);
  // YAML takes JSON as it is.
  return JSON.stringify({ ...settings, upstreams: Object.fromEntries(upstreams), hosted: ['team/**'] });
}

/** The digest that skopeo has after it pulled an image, all of it, by a name that only the proxy knows. */
export async function pullByName({ url }: NameProxy, { authority }: FrontWorld, reference: string): Promise<string> {
  await using folder = await scratchFolder('pulled');
  const copy = ['copy', '--all', '--src-cert-dir', authority.folder, `docker://${reference}`];
  const { code, stderr } = await runProgram('skopeo', [...copy, `dir:${folder.path}`], { env: { HTTPS_PROXY: url } });
  if (code !== 0) throw new Error(`skopeo ${copy.join(' ')}: ${stderr}`);
  return digestOf(await readFile(path.join(folder.path, 'manifest.json')));
}
