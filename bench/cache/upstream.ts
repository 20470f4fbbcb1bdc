// The least registry that caches can stand in front of, as a process of its own: it has its images in memory, wants no
// login, and counts. One JSON line with its URL says that it is ready.
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Digest } from '../../src/oci/digest.ts';
import { type BulkBlob, type BulkImage, type BulkManifest, bulkImage } from './bulk-image.ts';
import { ByteBudget } from './byte-budget.ts';
import { monotonicMs } from './monotonic.ts';
import type { UpstreamAnswer, UpstreamCounts, UpstreamSetting } from './upstream-process.ts';

const LIMITED_WRITE_BYTES = 64 * 1024;
const NOTHING_COUNTED: UpstreamCounts = {
  manifestGets: 0,
  manifestHeads: 0,
  blobGets: 0,
  blobBytes: 0,
  firstLayerByteMs: 0,
};

const images = new Map<string, BulkImage>();
let counts = { ...NOTHING_COUNTED };
let budget = new ByteBudget();
let writeBytes = Infinity;

const server = createServer((request, response) => {
  serve(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 60_000;
await once(server.listen(0, '127.0.0.1'), 'listening');
console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request;
  if (method === 'POST') return set(url.slice(1), response);
  const [, name = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)/.exec(url) ?? [];
  const image = images.get(name);
  if (url === '/v2/') return void response.end('{}');
  if (image === undefined) return void response.writeHead(404).end();
  if (kind === 'manifests') return sendManifest(image, reference, method, response);
  await sendBlob(image, reference, method, response);
}

/** From one measurement to the next: its image and its speed, and counting begins anew. Tells what was counted. */
function set(setting: string, response: ServerResponse): void {
  const { prepare, bytesPerSecond } = JSON.parse(decodeURIComponent(setting)) as UpstreamSetting;
  const answer: UpstreamAnswer = { counts, layer: prepare === undefined ? '' : addImage(prepare) };
  if (prepare !== undefined) {
    budget = new ByteBudget(bytesPerSecond);
    writeBytes = bytesPerSecond === undefined ? Infinity : LIMITED_WRITE_BYTES;
  }
  counts = { ...NOTHING_COUNTED };
  response.end(JSON.stringify(answer));
}

function addImage({ repository, layerBytes }: NonNullable<UpstreamSetting['prepare']>): Digest {
  const image = bulkImage(repository, layerBytes);
  images.set(repository, image);
  return image.blobs[1].digest;
}

function sendManifest({ index, manifest }: BulkImage, reference: string, method: string, response: ServerResponse) {
  const found = [index, manifest].find(({ digest }) => digest === reference) ?? index;
  counts[method === 'HEAD' ? 'manifestHeads' : 'manifestGets'] += 1;
  response.writeHead(200, headersOf(found, found.mediaType, found.bytes.byteLength));
  response.end(method === 'HEAD' ? undefined : found.bytes);
}

async function sendBlob({ blobs }: BulkImage, reference: string, method: string, response: ServerResponse) {
  const blob = blobs.find(({ digest }) => digest === reference);
  if (blob === undefined) return void response.writeHead(404).end();
  response.writeHead(200, headersOf(blob, 'application/octet-stream', blob.sizeBytes));
  if (method === 'HEAD') return void response.end();
  counts.blobGets += 1;
  const isLayer = blob === blobs[1];
  for (const chunk of chunksOf(blob)) {
    await budget.take(chunk.byteLength);
    if (response.destroyed) return;
    if (isLayer && counts.firstLayerByteMs === 0) counts.firstLayerByteMs = monotonicMs();
    counts.blobBytes += chunk.byteLength;
    if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}

function* chunksOf({ part, sizeBytes }: BulkBlob): Generator<Uint8Array> {
  for (let at = 0; at < sizeBytes;) {
    const start = at % part.byteLength;
    const chunk = part.subarray(start, start + Math.min(writeBytes, sizeBytes - at));
    yield chunk;
    at += chunk.byteLength;
  }
}

function headersOf({ digest }: Pick<BulkManifest, 'digest'>, type: string, sizeBytes: number) {
  return { 'content-type': type, 'content-length': sizeBytes, 'docker-content-digest': digest };
}
