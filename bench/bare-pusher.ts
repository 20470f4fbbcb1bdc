// The floor: the requests that a mirror cannot do without, sent by a client that does nothing else. Blobs before the
// manifests that name them, children before their index; a blob that another repository has is mounted from there.
import type { Manifest } from '../src/oci/manifest.ts';
import type { Blob } from '../test/support/registry/content.ts';
import type { PreparedImage } from './prepared-images.ts';
import { RawConnection, type RawRequest } from './raw-connection.ts';

export interface BarePush {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly requests: number;
}

/** `connections` images are under way at once, each on a connection of its own. */
export async function pushBare(images: readonly PreparedImage[], host: string, connections: number): Promise<BarePush> {
  const push = new Push();
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  const queue = images.values();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      using connection = await RawConnection.open(host);
      for (const image of queue) await push.image(image, connection);
    }),
  );
  const { user, system } = process.cpuUsage(startedCpu);
  return {
    seconds: (performance.now() - startedMs) / 1000,
    cpuSeconds: (user + system) / 1e6,
    requests: push.requests,
  };
}

class Push {
  requests = 0;
  /** By repository and digest. */
  readonly #placed = new Map<string, Promise<void>>();
  /** By digest: the first repository that got the blob, once it has it. */
  readonly #holders = new Map<string, Promise<string>>();

  async image({ repository, children, index, tags }: PreparedImage, connection: RawConnection): Promise<void> {
    for (const { manifest, blobs } of children) {
      await this.#once(`${repository}@${manifest.digest}`, async () => {
        for (const blob of blobs) {
          await this.#once(`${repository}@${blob.digest}`, () => this.#blob(repository, blob, connection));
        }
        await this.#manifest(repository, manifest, manifest.digest, connection);
      });
    }
    for (const tag of tags) await this.#manifest(repository, index, tag, connection);
  }

  #once(key: string, work: () => Promise<void>): Promise<void> {
    const promise = this.#placed.get(key) ?? work();
    this.#placed.set(key, promise);
    return promise;
  }

  async #blob(repository: string, blob: Blob, connection: RawConnection): Promise<void> {
    const sent = this.#holders.get(blob.digest);
    if (sent !== undefined) {
      const query = `?mount=${blob.digest}&from=${encodeURIComponent(await sent)}`;
      await this.#ask(connection, 201, { method: 'POST', target: `/v2/${repository}/blobs/uploads/${query}` });
      return;
    }
    const sending = this.#send(repository, blob, connection);
    this.#holders.set(blob.digest, sending);
    await sending;
  }

  async #send(repository: string, { digest, parts }: Blob, connection: RawConnection): Promise<string> {
    const target = `/v2/${repository}/blobs/uploads/`;
    const { location = '' } = await this.#ask(connection, 202, { method: 'POST', target });
    const { pathname, search } = new URL(location);
    const upload = `${pathname}${search}&digest=${digest}`;
    await this.#ask(connection, 201, { method: 'PUT', target: upload, body: parts });
    return repository;
  }

  async #manifest(repository: string, { mediaType, bytes }: Manifest, reference: string, connection: RawConnection) {
    const target = `/v2/${repository}/manifests/${reference}`;
    await this.#ask(connection, 201, { method: 'PUT', target, mediaType, body: [bytes] });
  }

  async #ask(connection: RawConnection, expected: number, request: RawRequest) {
    this.requests += 1;
    const answer = await connection.request(request);
    if (answer.status === expected) return answer;
    throw new Error(`the registry answered ${answer.status} to ${request.method} ${request.target}`);
  }
}
