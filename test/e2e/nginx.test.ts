// nginx in front, with the file that `wharf client-config nginx` prints and nothing else, over TLS.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nginxConfiguration } from '../../src/client-config/nginx.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { readManifest } from '../../src/oci/manifest.ts';
import { MANIFEST_ACCEPT } from '../../src/oci/media-type.ts';
import { type CurlAnswer, curl } from '../support/programs/curl.ts';
import { freePort } from '../support/programs/free-port.ts';
import { type FrontWorld, openFrontWorld, pullByName } from '../support/programs/front-world.ts';
import { missingPrograms, skipNote } from '../support/programs/missing-programs.ts';
import { startNameProxy } from '../support/programs/name-proxy.ts';
import { type Nginx, checkByNginx, startNginx } from '../support/programs/nginx.ts';
import { type ScratchFolder, scratchFolder } from '../support/programs/scratch-folder.ts';
import { until } from '../support/programs/until.ts';

const missing = missingPrograms('nginx', 'openssl', 'curl', 'skopeo');
const LAYER_BYTES = 20 * 1024 * 1024;
const ACCEPT = ['--header', `Accept: ${MANIFEST_ACCEPT}`];

describe.skipIf(missing !== undefined)(`nginx in front${skipNote(missing)}`, () => {
  let world: FrontWorld;
  let nginx: Nginx;
  let folder: ScratchFolder;
  let layerFile: string;
  const layer = randomBytes(LAYER_BYTES);
  const layerPath = `/v2/team/app/blobs/${digestOf(layer)}`;

  beforeAll(async () => {
    world = await openFrontWorld();
    folder = await scratchFolder('layer');
    layerFile = path.join(folder.path, 'layer');
    await writeFile(layerFile, layer);
    const text = textFor(world.blobsFolder);
    await world.serve(text);
    nginx = await startNginx(text, world.port);
    const [, , pushed] = await push('--http1.1');
    if (pushed?.status !== 201) throw new Error(`the push of the layer was answered ${pushed?.status}`);
  });
  afterAll(async () => {
    await nginx[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const textFor = (blobsFolder: string | undefined, setup = world.setup) =>
    nginxConfiguration(setup, { ...world.options, blobsFolder }).files[0]?.text ?? '';
  const ask = (host: string, at: string, ...args: readonly string[]) =>
    curl(world.authority.file, `https://${host}:${world.port}${at}`, ...args);
  const askDocker = (at: string, ...args: readonly string[]) => ask('docker.mirror.test', at, ...args);

  /** As docker does: a session, one chunk without a length, the digest. */
  async function push(version: '--http1.1' | '--http2'): Promise<readonly CurlAnswer[]> {
    const isOne = version === '--http1.1';
    const chunked = [
      '--request',
      'PATCH',
      '--data-binary',
      `@${layerFile}`,
      ...(isOne ? ['--header', 'Transfer-Encoding: chunked'] : []),
    ];
    const begun = await askDocker('/v2/team/app/blobs/uploads/', version, '--request', 'POST', '--data', '');
    const sent = await curl(world.authority.file, begun.location, version, ...chunked);
    const end = `${sent.location}${sent.location.includes('?') ? '&' : '?'}digest=${digestOf(layer)}`;
    return [begun, sent, await curl(world.authority.file, end, version, '--request', 'PUT', '--data', '')];
  }

  test('passes nginx -t, with and without blobs of its own, and with names of any length', async () => {
    const long = `https://${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.test:${world.port}`;
    const setup = {
      upstreams: world.setup.upstreams.map((upstream, index) => ({
        ...upstream,
        endpoints: [{ url: index === 0 ? long : `http://plain.test:${world.port + index}`, isDedicated: true }],
      })),
    };
    for (const text of [textFor(undefined), textFor('/srv/with space; and more'), textFor(undefined, setup)]) {
      const { code, stderr } = await checkByNginx(text);
      expect(stderr).not.toMatch(/warn|emerg/);
      expect(code).toBe(0);
    }
  });

  test('serves three upstreams by their names to skopeo', async () => {
    await using proxy = await startNameProxy();
    const pulled = await Promise.all(world.images.map(({ reference }) => pullByName(proxy, world, reference)));
    expect(pulled).toEqual(world.images.map(({ digest }) => digest));
  });

  test('sends what is on disk itself, and says what it is as Wharf does', async () => {
    const index = readManifest((await askDocker('/v2/library/nginx/manifests/1.29', ...ACCEPT)).body).content;
    const child = index.kind === 'index' ? index.manifests[0]?.digest : undefined;
    const image = readManifest((await askDocker(`/v2/library/nginx/manifests/${child}`, ...ACCEPT)).body).content;
    const digest = image.kind === 'index' ? '' : (image.layers[0]?.digest ?? '');
    const at = `/v2/library/nginx/blobs/${digest}`;
    await askDocker(at);
    const sent = await askDocker(at);
    const head = await askDocker(at, '--head');
    expect(digestOf(sent.body)).toBe(digest);
    expect(await fromDisk(digest)).toBe(true);
    const names = [
      'docker-content-digest',
      'docker-distribution-api-version',
      'content-type',
      'content-length',
      'etag',
      'cache-control',
      'accept-ranges',
      'x-content-type-options',
    ];
    expect(names.map((name) => sent.headers.get(name))).toEqual(names.map((name) => head.headers.get(name)));
    expect(sent.headers.get('docker-content-digest')).toBe(digest);
    expect(sent.headers.get('x-request-id')).toMatch(/^[\w-]+$/);
    expect(sent.headers.has('last-modified')).toBe(false);
    expect(head.headers.get('content-length')).toBe(String(sent.body.byteLength));
  });

  const fromDisk = async (digest: string) => (await nginx.accessLog()).includes(`/_blobs/sha256/${placeOf(digest)}\n`);

  test.each(['--http1.1', '--http2'])('gives the part of a blob that was asked for, over %s', async (version) => {
    const part = (range: string, ...args: readonly string[]) =>
      askDocker(layerPath, version, '--header', `Range: ${range}`, ...args);
    const middle = await part('bytes=1000-1999');
    expect([middle.status, middle.headers.get('content-range')]).toEqual([206, `bytes 1000-1999/${LAYER_BYTES}`]);
    expect(middle.version).toBe(version.replace('--http', ''));
    expect(middle.body).toEqual(layer.subarray(1000, 2000));
    expect(middle.headers.get('docker-content-digest')).toBe(digestOf(layer));
    expect((await part('bytes=-10')).body).toEqual(layer.subarray(-10));
    const beyond = await part(`bytes=${LAYER_BYTES}-`);
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${LAYER_BYTES}`]);
    const same = await part('bytes=0-9', '--header', `If-Range: "${digestOf(layer)}"`);
    const other = await part('bytes=0-9', '--header', 'If-Range: "sha256:0"');
    const several = await part('bytes=0-9,20-29');
    expect([same.status, other.status, several.status]).toEqual([206, 200, 200]);
    expect((await askDocker(layerPath, '--header', `If-None-Match: "${digestOf(layer)}"`)).status).toBe(304);
  });

  test('shows nobody the folder of blobs itself', async () => {
    const { status, body } = await askDocker(`/_blobs/sha256/${placeOf(digestOf(layer))}`);
    expect([status, body.toString()]).toEqual([404, expect.stringContaining('no endpoint')]);
  });

  test('has Wharf send the blobs that it cannot read', async () => {
    const port = await freePort();
    const elsewhere = textFor('/nowhere').replaceAll(`:${world.port} ssl`, `:${port} ssl`);
    await using blind = await startNginx(elsewhere, port);
    const url = `https://docker.mirror.test:${port}${layerPath}`;
    const whole = await curl(world.authority.file, url);
    expect([whole.status, digestOf(whole.body)]).toEqual([200, digestOf(layer)]);
    expect(whole.headers.get('docker-content-digest')).toBe(digestOf(layer));
    const part = await curl(world.authority.file, url, '--header', 'Range: bytes=5-9');
    expect([part.status, part.body]).toEqual([206, layer.subarray(5, 10)]);
    expect(await blind.errorLog()).toMatch(/open\(\) "\/nowhere\/sha256/);
  });

  test('compresses nothing, whatever clients would take', async () => {
    const zipped = ['--header', 'Accept-Encoding: gzip, zstd'];
    const manifest = await askDocker('/v2/library/nginx/manifests/1.29', ...ACCEPT, ...zipped);
    expect(digestOf(manifest.body)).toBe(manifest.headers.get('docker-content-digest'));
    const list = await askDocker('/v2/team/app/blobs/sha256:0', ...zipped);
    expect([manifest, list].map(({ headers }) => headers.get('content-encoding'))).toEqual([null, null]);
  });

  test.each(['--http1.1', '--http2'] as const)(
    'passes pushes of any size on over %s, and where to go on',
    async (version) => {
      const answers = await push(version);
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 201]);
      const address = `https://docker.mirror.test:${world.port}/v2/team/app/blobs/`;
      expect(answers.map(({ location }) => location.startsWith(address))).toEqual([true, true, true]);
    },
  );

  test('tells Wharf that clients are not of its machine, whatever they say', async () => {
    // Whoever is may fill an upstream's repositories.
    const forged = ['--header', 'X-Forwarded-For;', '--header', 'Host: localhost'];
    const refused = await askDocker('/v2/library/redis/blobs/uploads/', '--request', 'POST', '--data', '', ...forged);
    expect([refused.status, refused.body.toString()]).toEqual([405, expect.stringContaining('UNSUPPORTED')]);
  });

  test('keeps nothing on a disk for clients that read slowly, or push', async () => {
    const port = await freePort();
    const text = textFor(undefined).replaceAll(`:${world.port} ssl`, `:${port} ssl`);
    await using proxying = await startNginx(text, port);
    const ca = await readFile(world.authority.file);
    const crawl = async () => {
      const socket = connect({ host: '127.0.0.1', port, ca, servername: 'docker.mirror.test' });
      let bytes = 0;
      socket.on('data', (chunk) => {
        bytes += chunk.byteLength;
        socket.pause();
      });
      socket.write(`GET ${layerPath} HTTP/1.1\r\nHost: docker.mirror.test\r\nConnection: close\r\n\r\n`);
      await until(async () => bytes > 0);
      return { socket, bytes: () => bytes };
    };
    const crawling = [await crawl(), await crawl()];
    expect(crawling.every(({ bytes }) => bytes() < LAYER_BYTES)).toBe(true);
    // Everybody else is served meanwhile.
    const quick = await curl(world.authority.file, `https://docker.mirror.test:${port}${layerPath}`);
    expect(digestOf(quick.body)).toBe(digestOf(layer));
    for (const { socket, bytes } of crawling) {
      socket.on('data', () => socket.resume());
      socket.resume();
      await until(async () => bytes() > LAYER_BYTES);
    }
    for (const log of [await proxying.errorLog(), await nginx.errorLog()]) expect(log).not.toContain('temporary file');
  });
});

function placeOf(digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return `${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex}`;
}
