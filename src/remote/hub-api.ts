// Docker Hub's web API (reference "Docker HUB API", v2): a page of it tells the digests of a hundred tags, and spends
// no pull. It has limits of its own, and so its own origin, with its own health.
import { z } from 'zod';
import { Semaphore } from '../async/semaphore.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, isRepositoryName, isTag } from '../oci/reference.ts';
import type { Call, ResolvedPart } from '../oci/repository.ts';
import { apiUrl } from './api-url.ts';
import { type HubConnection, type HubPage, TURNS, hubPages } from './hub-pages.ts';
import { RemoteError } from './remote-error.ts';

export interface HubApiOptions extends Omit<HubConnection, 'turns'> {
  /** Nobody else has the answer, so the API's own limit is waited for. Otherwise a busy API is not. */
  readonly isPatient?: boolean | undefined;
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

export interface HubTagPage<T = HubTag> {
  readonly tags: readonly T[];
  /** How many tags the repository has in all. */
  readonly total: number;
}

export interface HubTagsCall extends Call {
  /**
   * `last_updated`, the default, begins with the newest. A list that is read to its end is in the order of names: a tag
   * that moves meanwhile stays at its place there.
   */
  readonly ordering?: 'last_updated' | 'name' | undefined;
}

const PAGE_SIZE = 100;

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
const repositorySchema = z.object({ name: z.string() });

export class HubApi {
  readonly #connection: HubConnection;

  constructor({ isPatient = false, ...connection }: HubApiOptions) {
    this.#connection = { ...connection, turns: isPatient ? new Semaphore(TURNS) : undefined };
  }

  /** What messages call it: `hub.docker.com`. */
  get host(): string {
    return this.#connection.url.host;
  }

  /**
   * The tags of a repository, a page at a time. Throws a RemoteError with status 404 when the API knows no such
   * repository; it does not tell private ones from missing ones.
   */
  tags(repository: RepositoryName, call: HubTagsCall = {}): AsyncGenerator<HubTagPage> {
    return this.mapTags(repository, (tag) => tag, call);
  }

  /** The same, of each tag only what `read` takes from it: of a long list little is to be kept at a time. */
  async *mapTags<T>(
    repository: RepositoryName,
    read: (tag: HubTag) => T,
    call: HubTagsCall = {},
  ): AsyncGenerator<HubTagPage<T>> {
    const slash = repository.indexOf('/');
    const [namespace, name] = [repository.slice(0, slash), repository.slice(slash + 1)];
    const query = `page_size=${PAGE_SIZE}&ordering=${call.ordering ?? 'last_updated'}`;
    const paths = [
      `namespaces/${namespace}/repositories/${name}/tags?${query}`,
      `repositories/${repository}/tags?${query}`,
    ];
    const what = `the tags of ${repository} from the web API`;
    const entry = tagSchema.transform((tag) => readTag(tag).map(read));
    for await (const { results, total } of this.#list(paths, { entry, what }, call)) {
      yield { tags: results.flat(), total };
    }
  }

  /**
   * The repositories of a namespace that may be seen, a page at a time. Throws a RemoteError with status 404 when the API
   * knows no such namespace.
   */
  async *repositories(namespace: string, call: Call = {}): AsyncGenerator<readonly RepositoryName[]> {
    const query = `page_size=${PAGE_SIZE}&ordering=name`;
    const paths = [`namespaces/${namespace}/repositories?${query}`, `repositories/${namespace}?${query}`];
    const what = `the repositories of ${namespace} from the web API`;
    for await (const { results } of this.#list(paths, { entry: repositorySchema, what }, call)) {
      yield results.map(({ name }) => `${namespace}/${name}`).filter(isRepositoryName);
    }
  }

  /**
   * Whether the login is honoured, if there is one: then nothing is answered. What refuses it is answered as an error,
   * and from then on the API is asked as nobody in particular.
   */
  async logIn(call: Call = {}): Promise<RemoteError | undefined> {
    const { login } = this.#connection;
    try {
      await login?.header(call);
      return undefined;
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      login?.forget();
      return error;
    }
  }

  // The present path, and the one that came before it, which some deployments alone know.
  async *#list<Entry>(
    paths: readonly string[],
    list: { readonly entry: z.ZodType<Entry>; readonly what: string },
    call: Call,
  ): AsyncGenerator<HubPage<Entry>> {
    for (const [index, path] of paths.entries()) {
      const pages = hubPages(this.#connection, { ...list, first: apiUrl(this.#connection.url, path) }, call);
      let isBegun = false;
      try {
        for await (const page of pages) {
          isBegun = true;
          yield page;
        }
        return;
      } catch (error) {
        const isLast = isBegun || index === paths.length - 1;
        if (isLast || !(error instanceof RemoteError) || (error.status !== 404 && error.status !== 403)) throw error;
      }
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
