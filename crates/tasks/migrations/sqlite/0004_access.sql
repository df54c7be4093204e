-- Whose a task is. NULL: it was made without authentication.
ALTER TABLE tasks ADD COLUMN owner TEXT;
CREATE INDEX tasks_by_owner ON tasks (owner, id) WHERE owner IS NOT NULL;

-- With what programs say who they are. Of a secret only the hash is kept.
CREATE TABLE access_keys (
    id TEXT NOT NULL PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    principal TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT,
    used_ms BIGINT
);

-- What this server signs with.
CREATE TABLE access_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);

-- Rises with every change of keys and secrets.
INSERT INTO meta (name, value) VALUES ('access_revision', '0');
