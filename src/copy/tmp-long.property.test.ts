// Random images, of random repositories, over random things that the target has already.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Graph, blobsOf, image, index, isWhole, manifestsOf, store } from '../../test/support/image-graph.ts';
import { openNetwork } from '../../test/support/client/loopback-network.ts';
import { recordRequests } from '../../test/support/origin/record-requests.ts';
import type { Request } from '../../test/support/origin/request.ts';
import { type Registry, startRegistry } from '../../test/support/registry/registry.ts';
import { parseRepositoryName, parseTag } from '../oci/reference.ts';
import { RemoteRegistry } from '../remote/remote-registry.ts';
import { copyGraph } from './copy-graph.ts';
import { Placements } from './placements.ts';

const REPOSITORIES = ['team/a', 'team/b'];

/** What a repository is to hold, and what it holds: tags and untagged graphs, by their number in the pool. */
interface Scenario {
  readonly wanted: Readonly<Record<string, number>>;
  readonly held: Readonly<Record<string, number>>;
  readonly heldUntagged: readonly number[];
}

const layers = fc.uniqueArray(fc.constantFrom('l0', 'l1', 'l2', 'l3'), { minLength: 0, maxLength: 3 });
const images = fc
  .array(layers, { minLength: 2, maxLength: 4 })
  .map((all) => all.map((own, nth) => image(`i${nth}`, own)));
const pool: fc.Arbitrary<readonly Graph[]> = images.chain((bases) =>
  fc.array(fc.uniqueArray(fc.nat(5), { maxLength: 3 }), { maxLength: 3 }).map((indexes) => {
    const graphs: Graph[] = [...bases];
    for (const children of indexes) {
      graphs.push(index(...children.flatMap((nth) => graphs[nth] ?? [])));
    }
    return graphs;
  }),
);
const tags = fc.dictionary(fc.constantFrom('1', '2', '3', 'latest'), fc.nat(6), { maxKeys: 4 });
const scenario: fc.Arbitrary<Scenario> = fc.record({
  wanted: tags,
  held: tags,
  heldUntagged: fc.array(fc.nat(6), { maxLength: 2 }),
});

test('the target then has exactly what it had and what the tags need, and nothing was fetched in vain', async () => {
  await fc.assert(
    fc.asyncProperty(pool, fc.tuple(scenario, scenario), async (graphs, scenarios) => {
      await using source = await startRegistry();
      await using target = await startRegistry();
      await using net = openNetwork();
      const graph = (nth: number): Graph => graphs[nth % graphs.length] ?? image('never');
      const named = scenarios.map((one, nth) => ({ ...one, name: REPOSITORIES[nth] ?? '' }));
      for (const { name, wanted, held, heldUntagged } of named) {
        for (const [tag, nth] of Object.entries(wanted)) store(source, name, graph(nth), tag);
        for (const [tag, nth] of Object.entries(held)) store(target, name, graph(nth), tag);
        for (const nth of heldUntagged) store(target, name, graph(nth));
      }
      const had = named.map(({ name }) => contentOf(target, name, graphs));
      const asked = recordRequests(source);
      const remotes = [source, target].map(({ url }) => remote(url, net.network));
      const placements = new Placements();

      await Promise.all(
        named.flatMap(({ name, wanted }) => {
          const groups = Map.groupBy(Object.entries(wanted), ([, nth]) => graph(nth).manifest.digest);
          return [...groups].map(([digest, entries]) => {
            const wantedTags = entries.map(([tag]) => parseTag(tag));
            const repository = parseRepositoryName(name);
            const [from, to] = remotes.map((registry) => registry.repository(repository));
            if (from === undefined || to === undefined) throw new Error('two are two');
            const isNew = target.content.tags(name) === undefined;
            return copyGraph(digest, wantedTags, { from, to: { name: repository, target: to, isNew }, placements });
          });
        }),
      );

      named.forEach(({ name, wanted }, nth) => {
        const needed = Object.values(wanted).map(graph);
        for (const [tag, of] of Object.entries(wanted)) {
          expect(target.content.manifest(name, tag)?.digest).toBe(graph(of).manifest.digest);
        }
        expect(needed.every((one) => isWhole(target, name, one))).toBe(true);
        const expected = new Set([...(had[nth] ?? []), ...needed.flatMap(digestsIn)]);
        expect(contentOf(target, name, graphs)).toEqual([...expected].toSorted());
        const fetched = asked
          .filter(({ kind, path }) => kind === 'manifest' && path.includes(`/${name}/`))
          .map(digestAskedFor);
        expect(fetched.filter((digest) => had[nth]?.includes(digest))).toEqual([]);
      });
      for (const kind of ['manifest', 'blob'] as const) {
        const fetched = asked.filter((request) => request.kind === kind).map(digestAskedFor);
        expect(fetched).toHaveLength(new Set(fetched).size);
      }
    }),
    { numRuns: 1500 },
  );
});

function remote(url: string, network: ReturnType<typeof openNetwork>['network']): RemoteRegistry {
  return new RemoteRegistry({ name: url, url: new URL(url), network });
}

function digestsIn(graph: Graph): string[] {
  return [...manifestsOf(graph), ...blobsOf(graph)].map(({ digest }) => digest);
}

/** Of all that the pool has, what is in the repository, sorted. */
function contentOf({ content }: Registry, name: string, graphs: readonly Graph[]): string[] {
  const all = [...new Set(graphs.flatMap(digestsIn))];
  return all.filter((digest) => content.manifest(name, digest) ?? content.blob(name, digest)).toSorted();
}

function digestAskedFor({ path }: Request): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
