import { type Client, at } from './client.ts';
import { PICTURES, TAGS, pictureOf } from './images.ts';
import type { KnownRepository } from './known-repository.ts';
import type { Answer } from './wire.ts';

export async function listTags(client: Client, repository: KnownRepository): Promise<void> {
  const listed = await listPaged(client, at(repository, 'tags/list?n=2'), ({ tags }) => tags as string[]);
  for (const tag of TAGS) {
    const meanings = repository.meaningsOf(tag) ?? new Set();
    const [only] = meanings;
    if (meanings.size === 1 && (only !== undefined) !== listed.includes(tag)) {
      throw new Error(`${repository.name} lists ${listed.join(', ') || 'no tags'}, and ${tag} is ${only ?? 'gone'}`);
    }
  }
}

export async function listReferrers(client: Client, repository: KnownRepository): Promise<void> {
  const subject = client.random.pick(PICTURES).manifest.digest;
  const read = ({ manifests }: Body) => (manifests as { digest: string }[]).map(({ digest }) => digest);
  const listed = await listPaged(client, at(repository, `referrers/${subject}`), read);
  const strange = listed.find((digest) => pictureOf(digest).subject?.digest !== subject);
  if (strange !== undefined) throw new Error(`${strange} is listed as a referrer of ${subject}`);
  const missing = repository.manifests.find(
    (digest) =>
      repository.isManifestSure(digest) && pictureOf(digest).subject?.digest === subject && !listed.includes(digest),
  );
  if (missing !== undefined) throw new Error(`${repository.name} does not list ${missing} as a referrer of ${subject}`);
}

export async function listRepositories(client: Client, repository: KnownRepository): Promise<void> {
  const listed = await listPaged(client, '/v2/_catalog?n=3', ({ repositories }) => repositories as string[]);
  const isThere = repository.manifests.some((digest) => repository.isManifestSure(digest));
  if (isThere && !listed.includes(repository.name)) throw new Error(`the catalog lacks ${repository.name}`);
}

type Body = Readonly<Record<string, unknown>>;

/** A repository that is not there has nothing to list. */
async function listPaged({ wire }: Client, path: string, read: (body: Body) => string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const answer: Answer = await wire.send('GET', next, { expect: [200, 404] });
    if (answer.status === 404) return found;
    found.push(...read(JSON.parse(Buffer.from(answer.bytes).toString()) as Body));
    next = /<([^>]*)>/.exec(answer.headers.get('link') ?? '')?.[1];
  }
  return found;
}
