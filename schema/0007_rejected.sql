-- Files that were dropped and did not become a job, or not wholly: each is a record until retention takes it.
CREATE TABLE rejected (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  file        BLOB NOT NULL,     -- its name in incoming/
  stored      BLOB NOT NULL,     -- its name in rejected/; empty: there is none
  at          INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  errors      TEXT NOT NULL,     -- the first 100, a JSON array
  job         INTEGER,           -- whose file grew or changed after it had been taken
  seen        INTEGER NOT NULL CHECK (seen IN (0, 1)),
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('rejected(id)', id, file, stored, at, error_count,
    errors, job, seen)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('rejected(id)', checksum, id, file, stored, at, error_count,
    errors, job, seen)) VIRTUAL
) STRICT;
CREATE TRIGGER rejected_intact BEFORE UPDATE ON rejected BEGIN SELECT OLD.intact; END;
CREATE INDEX rejected_unseen ON rejected (id) WHERE seen = 0;
CREATE INDEX rejected_at ON rejected (at);

-- Numbers that were given to a file and never became a job's: the next files get them.
CREATE TABLE free_id (
  id INTEGER PRIMARY KEY,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('free_id(id)', id)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('free_id(id)', checksum, id)) VIRTUAL
) STRICT;
CREATE TRIGGER free_id_intact BEFORE UPDATE ON free_id BEGIN SELECT OLD.intact; END;

-- How the file of a job was when it was taken: whoever kept it open can still write to it.
CREATE TABLE taken_file (
  job         INTEGER PRIMARY KEY,
  bytes       INTEGER NOT NULL,
  modified_ns INTEGER NOT NULL,
  changed     INTEGER NOT NULL CHECK (changed IN (0, 1)),  -- since then, as the job's end has found
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('taken_file(job)', job, bytes, modified_ns,
    changed)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('taken_file(job)', checksum, job, bytes, modified_ns,
    changed)) VIRTUAL
) STRICT;
CREATE TRIGGER taken_file_intact BEFORE UPDATE ON taken_file BEGIN SELECT OLD.intact; END;
