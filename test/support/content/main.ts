// A process that commits blobs to a store of files, for tests of several and of killed ones:
// `node main.ts FOLDER SEED COUNT SILENT`. All of them are beginnings of one text, and so is what it leaves behind
// when it is killed. It prints the digests that are committed, the first SILENT ones in one line.
import { FilesystemBlobStore } from '../../../src/content/filesystem/filesystem-blob-store.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { beginningOf, lengthsOf } from './beginnings.ts';

const LANES = 4;
const CHUNK_BYTES = 20_000;

const [folder = '', seed = '', count = '', silent = ''] = process.argv.slice(2);
const store = await FilesystemBlobStore.open(folder, { now: Date.now });
const lengths = lengthsOf(Number(seed), Number(count)).values();
let unsaid: string[] = [];
let silentCount = Number(silent);

await Promise.all(Array.from({ length: LANES }, writeBlobs));

async function writeBlobs(): Promise<void> {
  for (const length of lengths) {
    const bytes = beginningOf(length);
    await using ingest = await store.begin();
    for (let start = 0; start < length; start += CHUNK_BYTES) {
      await ingest.append(bytes.subarray(start, start + CHUNK_BYTES));
    }
    const digest = digestOf(bytes);
    await ingest.commit(digest);
    say(digest);
  }
}

function say(digest: string): void {
  unsaid.push(digest);
  if (unsaid.length < silentCount) return;
  process.stdout.write(`${unsaid.join(' ')}\n`);
  unsaid = [];
  silentCount = 1;
}
