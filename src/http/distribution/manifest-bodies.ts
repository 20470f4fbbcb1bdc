import { Semaphore } from '../../async/semaphore.ts';
import { OciError } from '../../oci/errors.ts';
import { MAX_MANIFEST_BYTES } from '../../oci/manifest.ts';
import { readAll } from '../../streams/read-all.ts';
import { Refusal } from './errors.ts';
import { type HttpRequest, contentLengthOf } from './request.ts';

const MAX_TOGETHER_BYTES = 64 * 1024 * 1024;
/** About what any connection may hold in its buffers. Nearly all manifests are smaller, and wait for nobody. */
const SMALL_BYTES = 64 * 1024;

/** A manifest that was sent. Its memory counts until it is disposed. */
export interface HeldBody extends Disposable {
  readonly bytes: Uint8Array;
}

/**
 * Manifests are read whole, and anybody may send any number of them at once: large ones wait for their turn. Who has a
 * turn and sends slowly is ended by MinimumProgress, after a quarter of an hour at the most.
 */
export class ManifestBodies {
  readonly #turns: Semaphore;

  constructor(togetherBytes = MAX_TOGETHER_BYTES) {
    this.#turns = new Semaphore(Math.floor(togetherBytes / MAX_MANIFEST_BYTES));
  }

  /** Throws SIZE_INVALID, with the status 413, past 4 MiB. */
  async read(request: HttpRequest): Promise<HeldBody> {
    if ((contentLengthOf(request) ?? 0) > MAX_MANIFEST_BYTES) throw tooLarge();
    using held = new DisposableStack();
    const take = async () => void held.use(await this.#turns.acquire(request.signal));
    const bytes = await readAll(inTurn(request.body, take), MAX_MANIFEST_BYTES).catch((error: unknown) => {
      throw error instanceof OciError && error.code === 'SIZE_INVALID' ? tooLarge() : error;
    });
    const turn = held.move();
    return { bytes, [Symbol.dispose]: () => turn.dispose() };
  }
}

async function* inTurn(body: AsyncIterable<Uint8Array>, takeTurn: () => Promise<void>): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of body) {
    const wasSmall = sizeBytes <= SMALL_BYTES;
    sizeBytes += chunk.byteLength;
    if (wasSmall && sizeBytes > SMALL_BYTES) await takeTurn();
    yield chunk;
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, 'SIZE_INVALID', `the manifest exceeds ${MAX_MANIFEST_BYTES} bytes, the most that is stored`);
}
