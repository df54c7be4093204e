-- What is shown beside a task although it is no part of it. NULL: nothing was noted, also
-- for tasks that are older than this column.
ALTER TABLE inputs ADD COLUMN notes TEXT;
