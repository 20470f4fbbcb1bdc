// The format of the database. A migration that was released is never changed: what is new is added as the next one.

/**
 * Times are milliseconds since the epoch. What a manifest's bytes say is kept once, however many repositories have it,
 * and goes with the last of them; so a row in manifest_blobs or manifest_children means that a manifest which somebody
 * can pull names it.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE blobs (                             -- all that are held or named
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE repository_blobs (                  -- which repository may serve which blob
    repository_id INTEGER NOT NULL,
    blob_id INTEGER NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, blob_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repository_blobs_by_blob ON repository_blobs (blob_id, given_at);
  CREATE TABLE manifests (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    subject TEXT,
    artifact_type TEXT,
    annotations TEXT                               -- JSON
  ) STRICT;
  CREATE INDEX manifests_by_subject ON manifests (subject, digest) WHERE subject IS NOT NULL;
  CREATE TABLE manifest_bytes (manifest_id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE manifest_blobs (
    blob_id INTEGER NOT NULL,
    manifest_id INTEGER NOT NULL,
    PRIMARY KEY (blob_id, manifest_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifest_blobs_by_manifest ON manifest_blobs (manifest_id);
  CREATE TABLE manifest_children (
    child TEXT NOT NULL,                           -- a digest: a sparse index names what is not there
    manifest_id INTEGER NOT NULL,
    PRIMARY KEY (child, manifest_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX manifest_children_by_manifest ON manifest_children (manifest_id);
  CREATE TABLE repository_manifests (
    repository_id INTEGER NOT NULL,
    manifest_id INTEGER NOT NULL,
    media_type TEXT NOT NULL,                      -- as it came to this repository
    put_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    upstream TEXT,                                 -- NULL: pushed
    PRIMARY KEY (repository_id, manifest_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX repository_manifests_by_manifest ON repository_manifests (manifest_id);
  CREATE INDEX repository_manifests_by_use ON repository_manifests (used_at);
  CREATE TABLE tags (
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    manifest_id INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_manifest ON tags (manifest_id, repository_id);
  CREATE TABLE tag_moves (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT,                                   -- NULL: deleted
    at INTEGER NOT NULL,
    upstream TEXT                                  -- NULL: pushed
  ) STRICT;
  CREATE INDEX tag_moves_by_tag ON tag_moves (repository_id, name, id);
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,                      -- an upload alone makes no repository
    digest TEXT,
    started_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    offset_bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX uploads_by_digest ON uploads (digest) WHERE digest IS NOT NULL;
  CREATE TABLE leases (digest TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX leases_by_time ON leases (until);
  CREATE TABLE pins (
    job TEXT NOT NULL,
    repository TEXT NOT NULL,                      -- a pin may come before what it pins
    tag TEXT NOT NULL,
    PRIMARY KEY (job, repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pins_by_tag ON pins (repository, tag);
  `,
  `
  ALTER TABLE repository_manifests ADD COLUMN
    may_lack TEXT;                                 -- nothing, manifests or anything; NULL: put before it was kept
  `,
  `
  ALTER TABLE manifest_blobs ADD COLUMN
    named_as TEXT NOT NULL DEFAULT 'part';         -- part, foreign or child: which of them may be missing
  `,
  `
  ALTER TABLE tags ADD COLUMN
    confirmed_at INTEGER;                          -- when its upstream last said that it means this; NULL: pushed
  `,
  `
  CREATE INDEX repository_manifests_pushed ON repository_manifests (repository_id) WHERE upstream IS NULL;
  `,
  `
  DROP INDEX repository_manifests_by_use;          -- only what came from an upstream is looked for by its use
  CREATE INDEX repository_manifests_cached_by_use ON repository_manifests (used_at) WHERE upstream IS NOT NULL;
  CREATE INDEX repository_manifests_cached_by_age ON repository_manifests (put_at) WHERE upstream IS NOT NULL;
  `,
];
