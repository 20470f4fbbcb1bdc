// Two registries and a run between them: what a copy does to its target, and what it asks of its source.
import type { Digest } from '../../../src/oci/digest.ts';
import { type RepositoryName, type Tag, parseRepositoryName, parseTag } from '../../../src/oci/reference.ts';
import { type GraphCopied, type GraphCopy, copyGraph } from '../../../src/copy/copy-graph.ts';
import { Placements } from '../../../src/copy/placements.ts';
import { RemoteRegistry } from '../../../src/remote/remote-registry.ts';
import { type Graph, forPlatform, image, index, store } from '../image-graph.ts';
import { type LoopbackNetwork, openNetwork } from './loopback-network.ts';
import { type Registry, startRegistry } from '../registry/registry.ts';

export const APP = parseRepositoryName('team/app');
export const OTHER = parseRepositoryName('team/other');
export const TAGS: readonly Tag[] = ['1', 'latest'].map(parseTag);

type CopyOptions = Partial<GraphCopy> & { readonly name?: RepositoryName; readonly isNew?: boolean };

export interface CopyWorld extends AsyncDisposable {
  readonly source: Registry;
  readonly target: Registry;
  readonly net: LoopbackNetwork;
  /** What the target was asked to change, and the status of its answer: `manifest latest 201`. */
  readonly changes: readonly string[];
  /** Copies to the repository of the same name; all copies of a world are of one run. */
  copy(root: Digest, tags?: readonly Tag[], options?: CopyOptions): Promise<GraphCopied>;
  /** What TAGS mean at the target. */
  tagsAtTarget(name?: RepositoryName): (Digest | undefined)[];
}

/** A source and a target that are empty. */
export async function startCopyWorld(): Promise<CopyWorld> {
  await using started = new AsyncDisposableStack();
  const source = started.use(await startRegistry());
  const target = started.use(await startRegistry());
  const net = started.use(openNetwork({ deadlineMs: 500 }));
  const from = new RemoteRegistry({ name: 'source', url: new URL(source.url), network: net.network });
  const to = new RemoteRegistry({ name: 'target', url: new URL(target.url), network: net.network });
  const placements = new Placements();
  const changes = recordChanges(target);
  const running = started.move();
  return {
    source,
    target,
    net,
    changes,
    copy(root, tags = TAGS, { name = APP, isNew = true, ...rest } = {}) {
      const repository = { name, target: to.repository(name), isNew };
      return copyGraph(root, tags, { from: from.repository(name), to: repository, placements, ...rest });
    },
    tagsAtTarget: (name = APP) => TAGS.map((tag) => target.content.manifest(name, tag)?.digest),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Puts it into the source, with TAGS. */
export function publish({ source }: CopyWorld, graph: Graph, name: RepositoryName = APP): void {
  store(source, name, graph, ...TAGS);
}

export function amd64Image(name: string, layers?: readonly string[]): Graph {
  return forPlatform(image(name, layers), 'linux/amd64');
}

export function arm64Image(name: string, layers?: readonly string[]): Graph {
  return forPlatform(image(name, layers), 'linux/arm64/v8');
}

/** An index of two images that share a layer. */
export const TWO_PLATFORMS: Graph = index(amd64Image('a', ['base', 'a']), arm64Image('b', ['base', 'b']));

function recordChanges({ faults }: Registry): readonly string[] {
  const changes: string[] = [];
  faults.add({
    when: { method: ['PUT', 'POST', 'PATCH'] },
    action: async (request, next) => {
      const answer = await next(request);
      const digest = request.query.get('digest') ?? request.query.get('mount') ?? request.path.split('/').at(-1);
      const isOpening = request.kind === 'upload' && request.method === 'POST';
      if (!isOpening) changes.push(`${request.kind} ${digest} ${answer.status}`);
      return answer;
    },
  });
  return changes;
}
