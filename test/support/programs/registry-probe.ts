// Looks into a registry from outside, over plain HTTP, without any code of the program under test but the vocabulary.
import { forEach } from '../../../src/async/for-each.ts';
import { type Digest, algorithmOf, digestOf } from '../../../src/oci/digest.ts';
import { readManifest } from '../../../src/oci/manifest.ts';
import { MANIFEST_ACCEPT } from '../../../src/oci/media-type.ts';

const REQUESTS_AT_ONCE = 16;

/** A manifest at a tag, or at its own digest. */
export interface PlacedManifest {
  readonly repository: string;
  readonly reference: string;
  readonly digest: string;
}

export class RegistryProbe {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  /** `login` is `USER:PASSWORD`. */
  constructor(url: string, login?: string) {
    this.#url = url;
    const basic = login === undefined ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
    this.#headers = { accept: MANIFEST_ACCEPT, ...basic };
  }

  /** The first thousand, which is as many as docker-registry lists at once. */
  async repositories(): Promise<readonly string[]> {
    const response = await this.#ask('GET', '_catalog?n=1000');
    return ((await response.json()) as { repositories: string[] }).repositories;
  }

  /** None for a repository without any, which docker-registry may list all the same. */
  async tags(repository: string): Promise<readonly string[]> {
    const response = await this.#ask('GET', `${repository}/tags/list`);
    return ((await response.json()) as { tags?: string[] | null }).tags ?? [];
  }

  /** What a tag or digest is there; `undefined` when it is not. */
  async digest(repository: string, reference: string): Promise<string | undefined> {
    const response = await this.#ask('HEAD', `${repository}/manifests/${reference}`);
    return response.status === 200 ? (response.headers.get('docker-content-digest') ?? '') : undefined;
  }

  /** Moves a tag to what another one means, as somebody else might. */
  async retag(repository: string, tag: string, meaning: string): Promise<void> {
    const manifest = await this.#ask('GET', `${repository}/manifests/${meaning}`);
    const headers = { ...this.#headers, 'content-type': manifest.headers.get('content-type') ?? '' };
    const body = await manifest.arrayBuffer();
    const { status } = await fetch(`${this.#url}/v2/${repository}/manifests/${tag}`, { method: 'PUT', headers, body });
    if (status !== 201) throw new Error(`the registry answered ${status} for ${repository}:${tag}`);
  }

  /** Of all the given, those that are not there under that digest. */
  async missing(manifests: readonly PlacedManifest[]): Promise<readonly string[]> {
    const missing: string[] = [];
    await forEach(manifests, REQUESTS_AT_ONCE, async ({ repository, reference, digest }) => {
      const found = await this.digest(repository, reference);
      if (found !== digest) missing.push(`${repository} ${reference} is ${found ?? 'missing'}, not ${digest}`);
    });
    return missing;
  }

  /** What is wrong with the tags that exist: anything below them that is absent or has other bytes. */
  async broken(): Promise<readonly string[]> {
    const broken: string[] = [];
    for (const repository of await this.repositories()) {
      const seen = new Set<string>();
      for (const tag of await this.tags(repository)) broken.push(...(await this.#brokenBelow(repository, tag, seen)));
    }
    return broken;
  }

  async #brokenBelow(repository: string, reference: string, seen: Set<string>): Promise<string[]> {
    if (seen.has(reference)) return [];
    seen.add(reference);
    const response = await this.#ask('GET', `${repository}/manifests/${reference}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const expected = reference.includes(':') ? reference : response.headers.get('docker-content-digest');
    if (response.status !== 200 || digestOf(bytes) !== expected) return [`${repository} ${reference}`];
    const { content } = readManifest(bytes);
    if (content.kind === 'index') {
      const below = await Promise.all(
        content.manifests.map(({ digest }) => this.#brokenBelow(repository, digest, seen)),
      );
      return below.flat();
    }
    const blobs = [content.config, ...content.layers].filter(({ digest }) => !seen.has(digest));
    const wrong = await Promise.all(
      blobs.map(async ({ digest }) => {
        seen.add(digest);
        return (await this.#hasBlob(repository, digest)) ? [] : [`${repository} ${digest}`];
      }),
    );
    return wrong.flat();
  }

  async #hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const response = await this.#ask('GET', `${repository}/blobs/${digest}`);
    return digestOf(new Uint8Array(await response.arrayBuffer()), algorithmOf(digest)) === digest;
  }

  async #ask(method: string, path: string): Promise<Response> {
    return await fetch(`${this.#url}/v2/${path}`, { method, headers: this.#headers });
  }
}
