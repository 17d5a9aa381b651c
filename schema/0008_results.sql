-- What the provider gave and nobody can read, and what else was odd about results: kept, counted, told.

-- Outcomes (errored) whose bytes in the download are the provider's whole line, since it could not be read.
CREATE TABLE unreadable (
  job   INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  json  INTEGER NOT NULL CHECK (json IN (0, 1)),  -- the line is JSON
  why   TEXT NOT NULL,                            -- in plain words
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('unreadable(job,seq)', job, seq, batch, json,
    why)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('unreadable(job,seq)', checksum, job, seq, batch, json,
    why)) VIRTUAL,
  PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER unreadable_intact BEFORE UPDATE ON unreadable BEGIN SELECT OLD.intact; END;

-- By batch: requests of a job that ended as errored without an error of the provider's.
CREATE TABLE oddity (
  job   INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  kind  TEXT NOT NULL CHECK (kind IN ('offpeak_unreadable_result', 'offpeak_result_missing', 'offpeak_counts_differ')),
  n     INTEGER NOT NULL CHECK (n > 0),
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('oddity(job,batch,kind)', job, batch, kind, n)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('oddity(job,batch,kind)', checksum, job, batch, kind, n))
    VIRTUAL,
  PRIMARY KEY (job, batch, kind)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER oddity_intact BEFORE UPDATE ON oddity BEGIN SELECT OLD.intact; END;
