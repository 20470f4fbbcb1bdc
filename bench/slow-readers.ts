// Many clients that read one large blob slowly: what a server holds for them, it holds for long.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, get, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { usageOf } from './process-usage.ts';

export const SLOW_READERS = 50;
const SLOW_BLOB_BYTES = 1024 * 1024 * 1024;
const PART_BYTES = 1024 * 1024;
const READ: SlowReading = { bytes: 256 * 1024, everyMs: 125 };
const SECONDS = 8;

export interface SlowReading {
  readonly bytes: number;
  readonly everyMs: number;
}

/** The most memory that the server had meanwhile, after it was given the blob. */
export async function memoryForSlowReaders(repositoryUrl: string, pid: number): Promise<number> {
  const blob = await pushLargeBlob(repositoryUrl);
  const readers = await Promise.all(Array.from({ length: SLOW_READERS }, () => readSlowly(blob, READ)));
  let mostBytes = 0;
  for (let second = 0; second < SECONDS; second += 1) {
    await setTimeout(1000);
    mostBytes = Math.max(mostBytes, usageOf(pid).residentBytes);
  }
  for (const reader of readers) reader.destroy();
  return mostBytes;
}

async function pushLargeBlob(repositoryUrl: string): Promise<string> {
  const part = randomBytes(PART_BYTES);
  const hash = createHash('sha256');
  for (let at = 0; at < SLOW_BLOB_BYTES; at += PART_BYTES) hash.update(part);
  const digest = `sha256:${hash.digest('hex')}`;
  const begun = await fetch(`${repositoryUrl}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.get('location') ?? '', repositoryUrl);
  location.searchParams.set('digest', digest);
  const sending = request(location, { method: 'PUT', headers: { 'content-length': SLOW_BLOB_BYTES } });
  for (let at = 0; at < SLOW_BLOB_BYTES; at += PART_BYTES) if (!sending.write(part)) await once(sending, 'drain');
  sending.end();
  const [answer] = (await once(sending, 'response')) as [IncomingMessage];
  answer.resume();
  if (answer.statusCode !== 201) throw new Error(`the registry answered ${answer.statusCode} for a blob of 1 GiB`);
  return `${repositoryUrl}/blobs/${digest}`;
}

/** Whoever has enough destroys it. */
export async function readSlowly(url: string, { bytes, everyMs }: SlowReading): Promise<IncomingMessage> {
  const [answer] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
  if (answer.statusCode !== 200) throw new Error(`the registry answered ${answer.statusCode} for ${url}`);
  const reading = setInterval(() => answer.read(bytes), everyMs);
  answer.once('close', () => clearInterval(reading));
  return answer;
}
