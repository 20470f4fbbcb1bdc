import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName, Tag } from '../../oci/reference.ts';
import type { GuardOptions } from '../../oci/tag-guard.ts';
import { manifestIdIn, repositoryId } from './repositories.ts';
import type { Database } from './schema.ts';
import { forgetTag, guardTags } from './tags.ts';

/** To be called in a transaction. */
export async function deleteManifest(
  db: Database,
  repositoryName: RepositoryName,
  digest: Digest,
  { guard, nowMs }: GuardOptions & { readonly nowMs: number },
): Promise<boolean> {
  const repository = await repositoryId(db, repositoryName);
  const manifestId = repository && (await manifestIdIn(db, repository, digest));
  if (repository === undefined || manifestId === undefined) return false;
  const rows = await db
    .selectFrom('tags')
    .select('name')
    .where('manifest_id', '=', manifestId)
    .where('repository_id', '=', repository)
    .execute();
  const tags = rows.map(({ name }) => name as Tag);
  await guardTags(db, guard, { repository, tags });
  for (const tag of tags) await forgetTag(db, repository, tag, nowMs);
  await db
    .deleteFrom('repository_manifests')
    .where('repository_id', '=', repository)
    .where('manifest_id', '=', manifestId)
    .execute();
  await forgetUnlessHeld(db, manifestId);
  return true;
}

/** What a manifest's bytes say goes with the last repository that had it. */
async function forgetUnlessHeld(db: Database, id: number): Promise<void> {
  const holder = db.selectFrom('repository_manifests').select('repository_id').where('manifest_id', '=', id).limit(1);
  if ((await holder.executeTakeFirst()) !== undefined) return;
  await db.deleteFrom('manifest_blobs').where('manifest_id', '=', id).execute();
  await db.deleteFrom('manifest_children').where('manifest_id', '=', id).execute();
  await db.deleteFrom('manifest_bytes').where('manifest_id', '=', id).execute();
  await db.deleteFrom('manifests').where('id', '=', id).execute();
}
