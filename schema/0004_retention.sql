-- Retention: finished jobs leave after a while. What stays of one is that its content was run once.
CREATE TABLE purged (
  job       INTEGER PRIMARY KEY,
  requests  INTEGER NOT NULL,
  digest    BLOB NOT NULL,
  purged_at INTEGER NOT NULL,
  rows_left INTEGER NOT NULL CHECK (rows_left IN (0, 1)),  -- 1: rows of other tables are still to go
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('purged(job)', job, requests, digest,
    purged_at, rows_left)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('purged(job)', checksum, job, requests, digest,
    purged_at, rows_left)) VIRTUAL
) STRICT;
CREATE TRIGGER purged_intact BEFORE UPDATE ON purged BEGIN SELECT OLD.intact; END;
CREATE INDEX purged_digest ON purged (digest);
CREATE INDEX purged_left ON purged (job) WHERE rows_left = 1;
CREATE INDEX job_done ON job (done_at) WHERE done_at IS NOT NULL;
