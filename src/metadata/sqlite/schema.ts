// The tables of migrations.ts as Kysely is to see them.
import type { Generated, Kysely } from 'kysely';

export interface Schema {
  readonly repositories: { id: Generated<number>; name: string };
  readonly blobs: { id: Generated<number>; digest: string; size_bytes: number };
  readonly repository_blobs: { repository_id: number; blob_id: number; given_at: number };
  readonly manifests: {
    id: Generated<number>;
    digest: string;
    size_bytes: number;
    subject: string | null;
    artifact_type: string | null;
    annotations: string | null;
  };
  readonly manifest_bytes: { manifest_id: number; bytes: Uint8Array };
  readonly manifest_blobs: { blob_id: number; manifest_id: number; named_as: 'part' | 'foreign' | 'child' };
  readonly manifest_children: { child: string; manifest_id: number };
  readonly repository_manifests: {
    repository_id: number;
    manifest_id: number;
    media_type: string;
    put_at: number;
    used_at: number;
    upstream: string | null;
    may_lack: 'nothing' | 'manifests' | 'anything' | null;
  };
  readonly tags: { repository_id: number; name: string; manifest_id: number; confirmed_at: number | null };
  readonly tag_moves: {
    id: Generated<number>;
    repository_id: number;
    name: string;
    digest: string | null;
    at: number;
    upstream: string | null;
  };
  readonly uploads: {
    id: string;
    repository: string;
    digest: string | null;
    started_at: number;
    received_at: number;
    offset_bytes: number;
  };
  readonly leases: { digest: string; until: number };
  readonly pins: { job: string; repository: string; tag: string };
}

/** The database, or a transaction in it. */
export type Database = Kysely<Schema>;
