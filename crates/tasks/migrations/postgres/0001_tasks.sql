-- The store of the task engine. Columns that hold JSON hold it as text.
-- Ids are compared byte by byte: newer ids sort after older ones in every locale.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row per task: the cached fold of its events, and its place in the queue.
CREATE TABLE tasks (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled')),
    created_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT,
    result TEXT,
    error TEXT,
    progress TEXT,
    last_iteration TEXT,
    head_seq BIGINT NOT NULL,
    last_event_ms BIGINT NOT NULL,
    lease_epoch BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    lease_owner TEXT,
    attempts BIGINT NOT NULL,
    cancel_requested BIGINT NOT NULL
);

CREATE INDEX tasks_open ON tasks (id) WHERE status IN ('pending', 'running');
CREATE INDEX tasks_by_status ON tasks (status);

-- What a task was created with. Apart from the row above, which is rewritten
-- at every event, because it may be large.
CREATE TABLE inputs (
    task_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES tasks (id),
    config TEXT NOT NULL,
    spec TEXT NOT NULL
);

CREATE TABLE checkpoints (
    task_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES tasks (id),
    data BYTEA NOT NULL
);

-- The log. The primary key makes a doubled seq impossible.
CREATE TABLE events (
    task_id TEXT COLLATE "C" NOT NULL REFERENCES tasks (id),
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    timestamp_ms BIGINT NOT NULL,
    PRIMARY KEY (task_id, seq)
);
