// The format of the journal. A migration that was released is never changed: what is new is added as the next one.

/** Times are milliseconds since the epoch. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    upstream TEXT NOT NULL,
    login TEXT NOT NULL,                           -- '' is anonymous
    source TEXT,                                   -- whom the upstream says it charges
    pull_limit INTEGER,                            -- NULL: nothing observed, or not metered
    window_ms INTEGER NOT NULL,
    observed_at INTEGER,
    others INTEGER NOT NULL DEFAULT 0,             -- what others behind the same address had spent, and when
    others_at INTEGER NOT NULL DEFAULT 0,
    refused_at INTEGER,
    UNIQUE (upstream, login)
  ) STRICT;
  CREATE TABLE pulls (account INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX pulls_by_time ON pulls (account, at);
  CREATE TABLE pull_leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    pulls INTEGER NOT NULL,                        -- not spent yet
    used_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX pull_leases_by_account ON pull_leases (account);
  CREATE TABLE running_jobs (job TEXT PRIMARY KEY, pid INTEGER NOT NULL, started_at INTEGER NOT NULL) STRICT;
  CREATE TABLE copied_tags (
    target TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    source_digest TEXT NOT NULL,
    target_digest TEXT NOT NULL,
    checked_at INTEGER NOT NULL,
    PRIMARY KEY (target, repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE resolved_tags (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    updated_at TEXT,
    as_of INTEGER NOT NULL,
    PRIMARY KEY (upstream, repository, tag)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE tag_lists (                         -- of resolved_tags: how far each repository is known
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    unchanged_before INTEGER NOT NULL,             -- by the upstream's clock
    read_at INTEGER NOT NULL,                      -- when nothing was remembered, and all was asked for
    version INTEGER NOT NULL,
    PRIMARY KEY (upstream, repository)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE copied_tags ADD COLUMN unwanted_since INTEGER;
  CREATE TABLE synced_jobs (
    job TEXT PRIMARY KEY,
    revision TEXT NOT NULL,                        -- of the catalog, at the last run that left nothing undone
    synced_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE deferred_tags (
    job TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (job, repository, tag)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE job_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    reason TEXT NOT NULL,
    pid INTEGER NOT NULL,                          -- of who writes this down
    started_at INTEGER NOT NULL,
    ended_at INTEGER,                              -- NULL: it runs, or whoever wrote this down was killed
    outcome TEXT,
    account TEXT                                   -- JSON: the rest of it
  ) STRICT;
  CREATE INDEX job_runs_by_job ON job_runs (job, id);
  CREATE TABLE followed_jobs (
    job TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    since INTEGER NOT NULL,                        -- what the schedule wanted before then was never due
    share REAL NOT NULL                            -- of its jitter: what this machine has drawn
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE paused_jobs (job TEXT PRIMARY KEY, paused_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE seen_hosts (
    upstream TEXT NOT NULL,
    host TEXT NOT NULL,                            -- where it has sent us on to
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (upstream, host)
  ) STRICT, WITHOUT ROWID;
  `,
];
