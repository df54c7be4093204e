-- A log may lose its oldest events: those from first_seq to head_seq are there, without a gap.
ALTER TABLE tasks ADD COLUMN first_seq BIGINT NOT NULL DEFAULT 1;

-- Finished tasks whose log is more than its last event, by when they finished.
CREATE INDEX tasks_to_trim ON tasks (completed_at) WHERE completed_at IS NOT NULL AND first_seq < head_seq;

-- What belongs to an event but is read only when asked for. Apart from the event, so that
-- reading a log does not have to step over it.
CREATE TABLE event_details (
    task_id TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    value TEXT NOT NULL,
    -- Each attachment: its length as four bytes, the least significant first, then its bytes.
    attachments BYTEA NOT NULL,
    PRIMARY KEY (task_id, seq),
    FOREIGN KEY (task_id, seq) REFERENCES events (task_id, seq) ON DELETE CASCADE
);
