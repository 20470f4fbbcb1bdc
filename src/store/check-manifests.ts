import type { BlobOrigin, HeldManifest, IncompleteManifest } from '../metadata/inspection.ts';
import { type Digest, algorithmOf, digestOf } from '../oci/digest.ts';
import { nameRepositories } from './check-finding.ts';
import { scanInTurns } from './check-scan.ts';
import type { Check } from './check-store.ts';
import { mend } from './repair-loss.ts';

const MAX_HOLDERS = 100;

/** The bytes of every manifest hash to its digest. Says how many there are. */
export async function checkManifestBytes(check: Check): Promise<number> {
  const { inspection, signal } = check;
  let checked = 0;
  for await (const digest of scanInTurns((page) => inspection.manifests(page), signal)) {
    const row = await inspection.manifestBytes(digest);
    if (row === undefined) continue;
    checked += 1;
    const how = damageOf(digest, row.bytes);
    if (how !== undefined) await reportCorrupt(check, digest, how);
  }
  return checked;
}

function damageOf(digest: Digest, bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return 'has lost its bytes';
  const found = digestOf(bytes, algorithmOf(digest));
  return found === digest ? undefined : `holds other bytes, which hash to ${found}`;
}

async function reportCorrupt(check: Check, digest: Digest, how: string): Promise<void> {
  const { inspection, repairs, signal } = check;
  const holders = await inspection.manifestHolders(digest, MAX_HOLDERS);
  const repositories = holders.map(({ repository }) => repository);
  if (holders.length === 0) return;
  const what = `the manifest ${digest} of ${nameRepositories(repositories)} ${how}, and is not served`;
  const mended = await mend({
    what,
    repositories,
    origins: holders.flatMap(originOf),
    repairs,
    signal,
    restore: async (by, source, origin) => {
      const holder = holders.find(({ repository }) => repository === origin.repository);
      if (holder !== undefined) await by.refetchManifest(holder, { ...origin, source, signal });
    },
  });
  check.found({ kind: 'corrupt-manifest', digest, repositories, ...mended });
}

/** Every manifest that was put whole still has in its repository what it names. */
export async function checkParts(check: Check): Promise<void> {
  const { inspection, signal } = check;
  for await (const found of scanInTurns((page) => inspection.incompleteManifests(page), signal)) {
    // Whoever deletes an image piece by piece may be done by now.
    const manifest = await inspection.incompleteManifest(found);
    if (manifest !== undefined) await reportIncomplete(check, manifest);
  }
}

async function reportIncomplete(check: Check, manifest: IncompleteManifest): Promise<void> {
  const { repairs, signal } = check;
  const { repository, digest, lackedBlobs, lackedManifests } = manifest;
  const [first] = [...lackedManifests, ...lackedBlobs];
  const more = lackedBlobs.length + lackedManifests.length - 1;
  const lacked = `${first}${more > 0 ? ` and ${more} more` : ''}`;
  const mended = await mend({
    what: `the manifest ${digest} of ${repository} names what the repository lacks: ${lacked}`,
    repositories: [repository],
    origins: originOf(manifest),
    repairs,
    signal,
    restore: (by, source, origin) => by.complete(manifest, { ...origin, source, signal }),
  });
  check.found({ kind: 'incomplete', digest, repositories: [repository], ...mended });
}

/** Every tag means a manifest of its repository. */
export async function checkTags({ inspection, signal, found }: Check): Promise<void> {
  for await (const { repository, tag } of scanInTurns((page) => inspection.danglingTags(page), signal)) {
    const message = `the tag ${repository}:${tag} means no manifest that is there; push or sync it again, or delete it`;
    found({ kind: 'dangling-tag', repositories: [repository], message, repaired: false });
  }
}

function originOf({ repository, upstream }: HeldManifest): readonly BlobOrigin[] {
  return upstream === undefined ? [] : [{ repository, upstream }];
}
