// A process that wants blobs which others want too, for tests of several and of killed ones:
// `node filling-main.ts FOLDER URL HOW DIGEST…`. Of each blob it prints how it came by it (`led`, `followed`, `stored`),
// in a line of its own as soon as it has read a byte, and then the digest of all that it read. HOW it ends: `well`, or
// `before-adopting`, killed with a blob that hashed right and is not yet in its place.
import { systemClock } from '../../../src/async/clock.ts';
import { FilesystemBlobStore } from '../../../src/content/filesystem/filesystem-blob-store.ts';
import { Fill } from '../../../src/content/filling/fill.ts';
import type { FillSource, SourceBytes } from '../../../src/content/filling/fill-source.ts';
import { Fills } from '../../../src/content/filling/fills.ts';
import { type Digest, digestOf, parseDigest } from '../../../src/oci/digest.ts';
import { bytesOf } from '../../contract/blob-store-reading.ts';
import { readFill } from './filling-reader.ts';

class HttpSource implements FillSource {
  readonly mayGoOn = true;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async open(startByte: number, signal: AbortSignal): Promise<SourceBytes> {
    const { headers, body } = await fetch(this.#url, { headers: { range: `bytes=${startByte}-` }, signal });
    return {
      sizeBytes: startByte + Number(headers.get('content-length')),
      body: body!,
      isFromAuthority: true,
      wrong: (message) => new Error(message),
    };
  }

  isWithoutRest(): boolean {
    return false;
  }

  async stat(): Promise<{ readonly sizeBytes: number }> {
    const { headers } = await fetch(this.#url, { method: 'HEAD' });
    return { sizeBytes: Number(headers.get('content-length')) };
  }
}

const [folder = '', url = '', how = '', ...digests] = process.argv.slice(2);
const content = await FilesystemBlobStore.open(folder, { now: Date.now });
if (how === 'before-adopting') content.adopt = async () => void process.kill(process.pid, 'SIGKILL');
const onNotKept = (digest: Digest, error: unknown) => console.error(`${digest} is not kept: ${String(error)}`);
await using fills = new Fills({ dataFolder: folder, content, clock: systemClock, onNotKept });
for (const digest of digests.map(parseDigest)) console.log(await have(digest));

async function have(digest: Digest): Promise<Digest> {
  const fill = await fills.follow(digest, new HttpSource(url + digest), AbortSignal.timeout(30_000));
  if (fill === undefined) {
    console.log('stored');
    return digestOf(await bytesOf(content, digest));
  }
  let said = fill instanceof Fill ? 'led' : 'followed';
  const onRead = () => {
    if (said !== '') console.log(said);
    said = '';
  };
  const bytes = await readFill(fill, { onRead });
  await fills.leave(fill);
  if (fill instanceof Fill) await fill.over;
  return digestOf(bytes);
}
