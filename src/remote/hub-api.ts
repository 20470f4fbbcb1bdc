// Docker Hub's web API (reference "Docker HUB API", v2): a page of it tells the digests of a hundred tags, and spends
// no pull. It has limits of its own, and so its own origin, with its own health.
import { z } from 'zod';
import type { Traffic } from '../observe/traffic.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, isTag } from '../oci/reference.ts';
import type { Call, ResolvedPart } from '../oci/repository.ts';
import { apiUrl } from './api-url.ts';
import { errorFromAnswer } from './error-answer.ts';
import type { Network } from './network.ts';
import { RemoteError } from './remote-error.ts';

export interface HubApiOptions {
  /** The configured `hubApi`: https://hub.docker.com. */
  readonly url: URL;
  readonly network: Network;
  readonly traffic: Traffic;
}

export interface HubTag {
  readonly name: Tag;
  /** Missing on some old tags. */
  readonly digest: Digest | undefined;
  /** When it was last moved, as the API writes it. */
  readonly updatedAt: string | undefined;
  readonly mediaType: string | undefined;
  readonly parts: readonly ResolvedPart[];
}

export interface HubTagPage {
  readonly tags: readonly HubTag[];
  /** How many tags the repository has in all. */
  readonly total: number;
}

const PAGE_SIZE = 100;
/** HEAD answers the same question, so a busy API is not waited for. */
const LONGEST_PAUSE_MS = 3_000;
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

const imageSchema = z.object({
  architecture: z.string().nullish(),
  os: z.string().nullish(),
  variant: z.string().nullish(),
  digest: z.string().nullish(),
  size: z.number().nullish(),
});
const tagSchema = z.object({
  name: z.string(),
  digest: z.string().nullish(),
  media_type: z.string().nullish(),
  last_updated: z.string().nullish(),
  images: z.array(imageSchema).nullish(),
});
const pageSchema = z.object({
  count: z.number().nullish(),
  next: z.string().nullish(),
  results: z.array(tagSchema),
});

export class HubApi {
  readonly #options: HubApiOptions;

  constructor(options: HubApiOptions) {
    this.#options = options;
  }

  /**
   * The tags of a repository, the last updated first, a page at a time. Throws a RemoteError with status 404 when the
   * API knows no such repository; it does not tell private ones from missing ones.
   */
  async *tags(repository: RepositoryName, call: Call = {}): AsyncGenerator<HubTagPage> {
    let page = await this.#firstPage(repository, call);
    const seen = new Set<string>();
    for (;;) {
      yield { tags: page.results.flatMap(readTag), total: page.count ?? page.results.length };
      const next = page.next ? URL.parse(page.next, this.#options.url.href) : null;
      // The list goes on at the same place only, and never in circles.
      if (next === null || next.origin !== this.#options.url.origin || seen.has(next.href)) return;
      seen.add(next.href);
      page = await this.#page(next, repository, call);
    }
  }

  // The present path, and the one that came before it, which some deployments alone know.
  async #firstPage(repository: RepositoryName, call: Call) {
    const slash = repository.indexOf('/');
    const [namespace, name] = [repository.slice(0, slash), repository.slice(slash + 1)];
    const query = `page_size=${PAGE_SIZE}&ordering=last_updated`;
    try {
      return await this.#page(
        this.#path(`namespaces/${namespace}/repositories/${name}/tags?${query}`),
        repository,
        call,
      );
    } catch (error) {
      if (!(error instanceof RemoteError) || (error.status !== 404 && error.status !== 403)) throw error;
      return await this.#page(this.#path(`repositories/${repository}/tags?${query}`), repository, call);
    }
  }

  #path(path: string): URL {
    return apiUrl(this.#options.url, path);
  }

  async #page(url: URL, repository: RepositoryName, call: Call) {
    const { network, traffic } = this.#options;
    const what = `the tags of ${repository} from the web API`;
    const response = await network.origin(url).exchange({
      method: 'GET',
      url,
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      kind: 'api',
      what,
      traffic,
      maxBodyBytes: MAX_PAGE_BYTES,
      reach: 'configured',
      longestPauseMs: LONGEST_PAUSE_MS,
      signal: call.signal,
    });
    if (response.status !== 200) throw await errorFromAnswer(url.host, response, what, network.clock.now());
    const bytes = await response.body.bytes(MAX_PAGE_BYTES);
    try {
      return pageSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (cause) {
      throw new RemoteError(url.host, 'NOT_A_REGISTRY', `answered with something that is not ${what}`, { cause });
    }
  }
}

function readTag(tag: z.infer<typeof tagSchema>): HubTag[] {
  if (!isTag(tag.name)) return [];
  const parts = (tag.images ?? []).map((image) => ({
    digest: image.digest && isDigest(image.digest) ? image.digest : undefined,
    platform: [image.os, image.architecture, image.variant].filter(Boolean).join('/'),
    sizeBytes: image.size ?? 0,
  }));
  const digest = tag.digest && isDigest(tag.digest) ? tag.digest : undefined;
  const updatedAt = tag.last_updated ?? undefined;
  return [{ name: tag.name, digest, updatedAt, mediaType: tag.media_type ?? undefined, parts }];
}
