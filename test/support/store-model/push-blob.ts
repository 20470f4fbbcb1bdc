// Every way in which a blob comes to a repository, or does not.
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf } from '../../../src/oci/digest.ts';
import type { Blob } from '../registry/content.ts';
import { type Client, at, change } from './client.ts';
import { BLOBS, bytesOf } from './images.ts';
import type { KnownRepository } from './known-repository.ts';
import { CutOff } from './wire.ts';

type Way = (client: Client, repository: KnownRepository, blob: Blob) => Promise<void>;

const MAX_CHUNKS = 4;
/** The range `0-0` is nothing or one byte, and no client can tell: there are never so few. */
const MIN_CHUNK_BYTES = 2;
const AGAIN_MS = 2;

export async function pushBlob(client: Client, repository: KnownRepository, blob: Blob): Promise<void> {
  await client.random.pick(WAYS)(client, repository, blob);
}

export async function pushAnyBlob(client: Client, repository: KnownRepository): Promise<void> {
  await pushBlob(client, repository, client.random.pick(BLOBS));
}

const inOneRequest: Way = async (client, repository, blob) => {
  const path = at(repository, `blobs/uploads/?digest=${blob.digest}`);
  await create(client, repository, blob, ['POST', path, bytesOf(blob)]);
};

const withOnePut: Way = async (client, repository, blob) => {
  const upload = await begin(client, repository);
  await create(client, repository, blob, ['PUT', `${upload}?digest=${blob.digest}`, bytesOf(blob)]);
};

/** As docker does: a stream without a length or a place, then an empty PUT. */
const streamed: Way = async (client, repository, blob) => {
  const upload = await begin(client, repository);
  await client.wire.send('PATCH', upload, { body: ReadableStream.from(blob.parts), expect: [202] });
  await create(client, repository, blob, ['PUT', `${upload}?digest=${blob.digest}`, new Uint8Array()]);
};

/** Goes on after whatever broke off, at the byte that the registry names. */
const inChunks: Way = async (client, repository, blob) => {
  const { random, wire } = client;
  const bytes = bytesOf(blob);
  const upload = await begin(client, repository);
  const chunkBytes = Math.max(MIN_CHUNK_BYTES, Math.ceil(bytes.byteLength / (1 + random.below(MAX_CHUNKS))));
  let acknowledged = 0;
  for (let offset = 0; offset < bytes.byteLength;) {
    const chunk = bytes.subarray(offset, offset + chunkBytes);
    const headers = { 'content-range': `${offset}-${offset + chunk.byteLength - 1}` };
    try {
      if (chunk.byteLength > MIN_CHUNK_BYTES && random.chance(0.2)) {
        const sent = MIN_CHUNK_BYTES + random.below(chunk.byteLength - MIN_CHUNK_BYTES);
        await wire.sendAndLeave('PATCH', upload, { headers, body: chunk.subarray(0, sent) });
      } else {
        const { status } = await wire.send('PATCH', upload, { body: chunk, headers, expect: [202, 416] });
        if (status === 202) acknowledged = offset + chunk.byteLength;
        // A server may not know yet that it was left.
        else await sleep(AGAIN_MS);
      }
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
    }
    offset = await offsetOf(client, upload);
    if (offset < acknowledged || offset > bytes.byteLength) {
      throw new Error(`${upload} is at ${offset} of ${bytes.byteLength}, after ${acknowledged} were acknowledged`);
    }
  }
  const closing = ['PUT', `${upload}?digest=${blob.digest}`, new Uint8Array()] as const;
  while ((await create(client, repository, blob, closing, [201, 416])) === 416) await sleep(AGAIN_MS);
};

const mounted: Way = async (client, repository, blob) => {
  const from = client.random.chance(0.3) ? '' : `&from=${client.random.pick(client.neighbours)}`;
  const path = at(repository, `blobs/uploads/?mount=${blob.digest}${from}`);
  let isUpload = false;
  const { status, headers } = await change(client, ['POST', path, { expect: [201, 202] }], (isAcknowledged) => {
    // Of an answer that never came, a mount is the one that matters.
    repository.putBlob(blob.digest, false);
    isUpload = isAcknowledged;
  });
  if (status === 201) {
    repository.leaseBlob(blob.digest);
    repository.putBlob(blob.digest, true);
  } else if (isUpload) {
    const upload = headers.get('location') ?? '';
    await create(client, repository, blob, ['PUT', `${upload}?digest=${blob.digest}`, bytesOf(blob)]);
  }
};

const cancelled: Way = async (client, repository, blob) => {
  const upload = await begin(client, repository);
  await client.wire.send('PATCH', upload, { body: bytesOf(blob), expect: [202] });
  await client.wire.send('DELETE', upload, { expect: [204] });
  await client.wire.send('GET', upload, { expect: [404] });
};

const undigested: Way = async (client, repository, blob) => {
  const upload = await begin(client, repository);
  const path = `${upload}?digest=${digestOf(`not ${blob.digest}`)}`;
  await client.wire.send('PUT', path, { body: bytesOf(blob), expect: [400] });
  await client.wire.send('GET', upload, { expect: [404] });
};

const abandoned: Way = async (client, repository, blob) => {
  const upload = await begin(client, repository);
  const body = bytesOf(blob).subarray(0, -1);
  await client.wire.sendAndLeave('PUT', `${upload}?digest=${blob.digest}`, { body });
};

const WAYS: readonly Way[] = [
  inOneRequest,
  withOnePut,
  streamed,
  inChunks,
  inChunks,
  mounted,
  mounted,
  cancelled,
  undigested,
  abandoned,
];

async function begin({ wire }: Client, repository: KnownRepository): Promise<string> {
  const { headers } = await wire.send('POST', at(repository, 'blobs/uploads/'), { expect: [202] });
  return headers.get('location') ?? '';
}

async function offsetOf(client: Client, upload: string): Promise<number> {
  for (;;) {
    try {
      const { headers } = await client.wire.send('GET', upload, { expect: [204] });
      const last = Number(headers.get('range')?.split('-')[1]);
      return last === 0 ? 0 : last + 1;
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
    }
  }
}

async function create(
  client: Client,
  repository: KnownRepository,
  { digest }: Blob,
  [method, path, body]: readonly [string, string, Uint8Array<ArrayBuffer>],
  expect: readonly number[] = [201],
): Promise<number> {
  const note = (isAcknowledged: boolean) => repository.putBlob(digest, isAcknowledged);
  return (await change(client, [method, path, { body, expect }], note)).status;
}
