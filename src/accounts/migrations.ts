// The format of the database. A migration that was released is never changed: what is new is added as the next one.

/** Times are milliseconds since the epoch. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    password_hash TEXT,                            -- argon2id; NULL: a robot, which has tokens alone
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,                         -- also of an htpasswd file
    hash TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,                            -- NULL: never
    used_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sessions (                          -- what docker login keeps instead of the password
    hash TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    service TEXT NOT NULL,
    credential TEXT NOT NULL,                      -- which one it was opened with, and ends with
    used_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_by_account ON sessions (account, used_at);
  CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    private_jwk TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE secrets (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE changes (count INTEGER NOT NULL) STRICT; -- of who may log in, and with what
  INSERT INTO changes VALUES (0);
  CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN UPDATE changes SET count = count + 1; END;
  CREATE TRIGGER account_changed AFTER UPDATE ON accounts BEGIN UPDATE changes SET count = count + 1; END;
  CREATE TRIGGER account_removed AFTER DELETE ON accounts BEGIN UPDATE changes SET count = count + 1; END;
  CREATE TRIGGER token_added AFTER INSERT ON tokens BEGIN UPDATE changes SET count = count + 1; END;
  CREATE TRIGGER token_removed AFTER DELETE ON tokens BEGIN UPDATE changes SET count = count + 1; END;
  `,
];
