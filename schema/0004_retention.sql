-- Retention: finished jobs leave after a while. What stays of one is that its content was run once.
CREATE TABLE purged (
  job       INTEGER PRIMARY KEY,
  digest    BLOB NOT NULL,
  purged_at INTEGER NOT NULL,
  rows_left INTEGER NOT NULL CHECK (rows_left IN (0, 1))  -- 1: rows of other tables are still to go
) STRICT;
CREATE INDEX purged_digest ON purged (digest);
CREATE INDEX purged_left ON purged (job) WHERE rows_left = 1;
CREATE INDEX job_done ON job (done_at) WHERE done_at IS NOT NULL;
