import type { Digest } from '../../../src/oci/digest.ts';
import { Faults } from '../origin/faults.ts';
import type { OriginOptions } from '../origin/origin.ts';
import type { Content } from '../registry/content.ts';
import { catalogImage } from './catalog-image.ts';
import { countHubRequest, type HubCounters, noHubCounts } from './counters.ts';
import { type Build, ImageGenerator } from './generate-images.ts';
import { HubContent } from './hub-content.ts';
import type { HubImage } from './hub-image.ts';
import type { HubOptions } from './hub-options.ts';
import { type HubOrigins, startHubOrigins } from './hub-origins.ts';
import type { Built, HubRepository, Publication } from './hub-repository.ts';
import { oldImages } from './old-images.ts';
import { Timeline } from './timeline.ts';

interface ExpectedTag {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly children: readonly Digest[];
}

export interface Hub extends HubOrigins {
  /** What a client could get, without asking for it over the network. */
  readonly content: Content;
  readonly faults: Faults;
  readonly counters: HubCounters;
  resetCounters(): void;
  /** What the tag means now. */
  digestOf(repository: string, tag: string): Digest;
  /** All tags that the library names, as they are now. This builds all images. */
  expected(): ExpectedTag[];
  /** The library's next state: what is new in it or changed is built, and what left it stays on the hub. */
  moveTo(images: readonly HubImage[]): void;
  /** Builds the image behind the tag anew: other layers, and all its tags move. Nothing has been updated later. */
  rebuild(repository: string, tag: string, changes?: Partial<Build>): void;
  /** Puts anything at a tag of a repository that exists, right or wrong. */
  publish(repository: string, tag: string, publication: Publication): void;
  /** Takes a tag away; what it meant stays, by digest. */
  remove(repository: string, tag: string): void;
}

/** Docker Hub on loopback, filled with generated images. The methods throw for a repository or tag that is not there. */
export async function startHub(options: HubOptions): Promise<Hub> {
  const now = options.now ?? Date.now;
  const timeline = new Timeline();
  let library = options.images;
  const old = oldImages(options.images, options.oldTagsPerRepository ?? 3);
  const generator = new ImageGenerator(options.layerBytes ?? 1024);
  const content = new HubContent([...options.images, ...old, LIMIT_PREVIEW], generator);
  const faults = new Faults(options.faults);
  const counters = noHubCounts();
  const observe: OriginOptions['observe'] = (request, answer) => countHubRequest(counters, request, answer);
  const origins = await startHubOrigins(options, content, { faults, observe });
  return {
    ...origins,
    content,
    faults,
    counters,
    resetCounters: () => Object.assign(counters, noHubCounts()),
    digestOf: (repository, tag) => builtIn(content, repository, tag).manifest.digest,
    expected: () =>
      library.flatMap(({ repository, tags }) => tags.flatMap((tag) => expectedOf(content, repository, tag))),
    moveTo: (images) => {
      content.moveTo(images, library, timeline.next());
      library = images;
    },
    rebuild: (repository, tag, changes = {}) =>
      repositoryIn(content, repository).rebuild(tag, changes, timeline.next()),
    publish: (repository, tag, publication) => {
      const at = new Date(now());
      timeline.note(at);
      repositoryIn(content, repository).publish(tag, publication, at);
    },
    remove: (repository, tag) => repositoryIn(content, repository).remove(tag),
  };
}

// Docker keeps it so that one can ask for the limit by HEAD, at no cost.
const LIMIT_PREVIEW = catalogImage('ratelimitpreview/test');

function expectedOf(content: HubContent, repository: string, tag: string): ExpectedTag[] {
  const built = content.repository(repository)?.built(tag);
  if (built === undefined) return [];
  const children = built.entries.map(({ descriptor }) => descriptor.digest);
  return [{ repository, tag, digest: built.manifest.digest, children }];
}

function builtIn(content: HubContent, repository: string, tag: string): Built {
  const built = repositoryIn(content, repository).built(tag);
  if (built === undefined) throw new Error(`the hub has no ${repository}:${tag}`);
  return built;
}

function repositoryIn(content: HubContent, repository: string): HubRepository {
  const found = content.repository(repository);
  if (found === undefined) throw new Error(`the hub has no repository ${repository}`);
  return found;
}
