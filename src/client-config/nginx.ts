// nginx in front of Wharf: one server for all names, as Wharf itself tells them apart by `Host`.
import { UsageError } from '../oci/usage-error.ts';
import type { ClientConfiguration } from './client-configuration.ts';
import type { ClientSetup } from './client-setup.ts';
import {
  type FrontName,
  type FrontServer,
  type FrontServerOptions,
  frontServer,
  quotedPath,
  trialOf,
  wharfYaml,
} from './front-server.ts';

export interface NginxOptions extends FrontServerOptions {
  /** `blobs-v1` in Wharf's data folder, if nginx is to send blobs from there itself: an absolute path. */
  readonly blobsFolder?: string | undefined;
  /** Where nginx has that folder: what Wharf's setting of that name says, `/_blobs` by default. */
  readonly accelRedirect?: string | undefined;
}

interface Blobs {
  /** Quoted, with a slash at its end. */
  readonly folder: string;
  readonly location: string;
}

const FILE = '/etc/nginx/conf.d/wharf.conf';
const CERTIFICATE = { file: '/etc/nginx/wharf.crt', keyFile: '/etc/nginx/wharf.key' };
/** Of 64 bytes that a bucket has, these are not for the name, and a name is rounded up to 8. */
const BUCKET_OVERHEAD = 18;
const BUCKET_BYTES = 64;

/** A file for `conf.d`. Throws UsageError for a value that cannot stand in it. */
export function nginxConfiguration(setup: ClientSetup, options: NginxOptions = {}): ClientConfiguration {
  const front = frontServer(setup, options);
  const { certificate = CERTIFICATE } = options;
  const blobs = blobsOf(options);
  const hasTls = front.names.some(({ protocol }) => protocol === 'https');
  const server = [
    [...listens(front), ...serverNames(front)].join('\n'),
    ...(hasTls ? [tls(certificate)] : []),
    PASSING,
    headers(blobs !== undefined),
    ROOT,
    ...(blobs === undefined ? [] : [blobLocations(blobs)]),
  ];
  const parts = [
    head(front, blobs),
    ...hashBucket(front.names),
    upstream(front),
    ...(blobs === undefined ? [] : [sendfileMap(blobs)]),
  ];
  const text = `${parts.join('\n\n')}\n\nserver {\n${indented(server.join('\n\n'))}\n}\n`;
  return {
    files: [{ path: FILE, format: 'nginx', text }],
    reload: ['nginx -t', 'nginx -s reload'],
    remarks: remarks(hasTls && options.certificate === undefined, blobs),
    trial: trialOf(front),
  };
}

// Bodies pass as they come: a push is not kept until its end, and of a pull no more than a buffer.
const PASSING = `# Bodies pass as they come, of any size and without compression: digests are of those bytes.
client_max_body_size 0;
client_body_timeout 900s;
send_timeout 900s;
gzip off;
proxy_http_version 1.1;
proxy_request_buffering off;
proxy_buffering off;
proxy_buffer_size 64k;
proxy_buffers 4 64k;
proxy_busy_buffers_size 128k;
proxy_connect_timeout 10s;
proxy_read_timeout 900s;
proxy_send_timeout 900s;`;

const NO_HTTP = `#
# Nothing listens for http: whoever is redirected has sent his login in the clear by then, and pushes nothing, as his POST
# becomes a GET.`;

const ROOT = `location / {
    proxy_pass http://wharf;
}`;

function blobsOf({ blobsFolder, accelRedirect = '/_blobs' }: NginxOptions): Blobs | undefined {
  if (blobsFolder === undefined) return undefined;
  if (!/^(?:\/[\w-]{1,64}){1,8}$/.test(accelRedirect))
    throw new UsageError(`"${accelRedirect}" is no path such as /_blobs`);
  return { folder: quotedPath(`${blobsFolder.replace(/\/+$/, '')}/`), location: accelRedirect };
}

// `$uri` is that of the file by the time it could not be read.
function sendfileMap({ location }: Blobs): string {
  return `# What Wharf is told: whether nginx sends blobs itself. What it could not read it asks for again, as bytes.
map $uri $wharf_sendfile {
    volatile;
    default X-Accel-Redirect;
    ~^${location}/ "";
}`;
}

function head(front: FrontServer, blobs: Blobs | undefined): string {
  const settings = wharfYaml(front, blobs === undefined ? [] : [`accelRedirect: ${blobs.location}`]);
  const lines = ['# Wharf behind nginx. Its wharf.yaml says:', '#', ...settings.map((line) => `#     ${line}`)];
  return [...lines, ...(isTlsAlone(front) ? [NO_HTTP] : [])].join('\n');
}

function upstream({ backend }: FrontServer): string {
  return `upstream wharf {
    server ${backend};
    keepalive 32;
}`;
}

function hashBucket(names: readonly FrontName[]): string[] {
  const longest = Math.max(...names.map(({ host }) => host.length));
  let bytes = BUCKET_BYTES;
  while (Math.ceil((longest + BUCKET_OVERHEAD) / 8) * 8 > bytes) bytes *= 2;
  return bytes === BUCKET_BYTES ? [] : [`server_names_hash_bucket_size ${bytes};`];
}

function listens({ names, bind }: FrontServer): string[] {
  const ports = new Map(names.map(({ port, protocol }) => [port, protocol === 'https' ? ' ssl http2' : '']));
  return [...ports].flatMap(([port, flags]) => {
    const addresses = bind === undefined ? [port, `[::]:${port}`] : [`${bind}:${port}`];
    return addresses.map((address) => `listen ${address}${flags};`);
  });
}

function serverNames({ names }: FrontServer): string[] {
  const meanings = new Map<string, string[]>();
  for (const { host, upstream = 'every upstream' } of names) {
    meanings.set(host, [...(meanings.get(host) ?? []), upstream]);
  }
  return [...meanings].map(([host, meant]) => `server_name ${host};  # ${[...new Set(meant)].join(', ')}`);
}

function isTlsAlone({ names }: FrontServer): boolean {
  return names.every(({ protocol }) => protocol === 'https');
}

function tls({ file, keyFile }: { readonly file: string; readonly keyFile: string }): string {
  return `ssl_certificate ${quotedPath(file)};
ssl_certificate_key ${quotedPath(keyFile)};
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:wharf:10m;`;
}

function headers(isSendingBlobs: boolean): string {
  return `# Who asks, and by which name, with its port. What a client says of that itself is not passed on.
proxy_set_header Connection "";
proxy_set_header Host $http_host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Host $http_host;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header Forwarded "";
proxy_set_header X-Sendfile-Type ${isSendingBlobs ? '$wharf_sendfile' : '""'};`;
}

function blobLocations({ folder, location }: Blobs): string {
  return `# Blobs that Wharf has said the client may have. It says what they are, too; nginx would forget that.
location ${location}/ {
    internal;
    alias ${folder};
    sendfile on;
    tcp_nopush on;
    etag off;
    if_modified_since off;
    max_ranges 1;
    add_header Docker-Content-Digest $upstream_http_docker_content_digest;
    add_header Docker-Distribution-Api-Version $upstream_http_docker_distribution_api_version;
    add_header ETag $upstream_http_etag;
    add_header Last-Modified "";
    add_header X-Content-Type-Options $upstream_http_x_content_type_options;
    add_header X-Request-Id $upstream_http_x_request_id;
    error_page 403 404 = @wharf;
}

location @wharf {
    proxy_pass http://wharf$request_uri;
}`;
}

function remarks(needsCertificate: boolean, blobs: Blobs | undefined): string[] {
  return [
    'The first lines of the file are what the wharf.yaml of the server behind it has to say.',
    ...(needsCertificate
      ? [`The certificate is to be at ${CERTIFICATE.file}, its key at ${CERTIFICATE.keyFile}.`]
      : []),
    ...(blobs === undefined
      ? []
      : [`nginx's own user has to be able to read ${blobs.folder}; what it cannot read there it gets from Wharf.`]),
    'While Wharf is down, nginx answers 502, and clients that know the registry itself go on to it.',
  ];
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ');
}
