-- A checksum in every row: a bit that flipped on the disk or in memory must stop the daemon, never change what is sent,
-- counted or billed. SQLite keeps `checksum` itself, whoever inserts or updates; `intact` compares it when it is read,
-- and fails with the name of the row where they differ (lib/queue/row_checksum.cpp). Every query that decides something
-- names `intact`; PRAGMA integrity_check evaluates it of all rows where it is NOT NULL. No row changes before it was
-- compared, or a damaged one would get a checksum that fits. A stored generated column cannot be added to a table that
-- exists, so each is made anew; the sequences of ids go on.

DROP INDEX job_digest;
DROP INDEX job_open;
DROP INDEX intent_not_created;
DROP INDEX intent_open;
DROP INDEX assignment_job;
DROP INDEX batch_open;
DROP INDEX attempt_request;

ALTER TABLE fact RENAME TO fact_1;
ALTER TABLE intake RENAME TO intake_1;
ALTER TABLE job RENAME TO job_1;
ALTER TABLE segment RENAME TO segment_1;
ALTER TABLE pending RENAME TO pending_1;
ALTER TABLE intent RENAME TO intent_1;
ALTER TABLE assignment RENAME TO assignment_1;
ALTER TABLE batch RENAME TO batch_1;
ALTER TABLE outcome RENAME TO outcome_1;
ALTER TABLE made_outcome RENAME TO made_outcome_1;
ALTER TABLE attempt RENAME TO attempt_1;
ALTER TABLE tally RENAME TO tally_1;
ALTER TABLE spent RENAME TO spent_1;
ALTER TABLE unexplained RENAME TO unexplained_1;
ALTER TABLE excluded RENAME TO excluded_1;

CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('fact(name)', name, value)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('fact(name)', checksum, name, value)) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER fact_intact BEFORE UPDATE ON fact BEGIN SELECT OLD.intact; END;
INSERT INTO fact (name, value)
  SELECT name, value FROM fact_1;

CREATE TABLE intake (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  source     TEXT NOT NULL CHECK (source IN ('folder', 'socket')),
  name       BLOB NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('claiming', 'checking', 'rejected')),
  over_name     TEXT,
  over_priority INTEGER,
  over_hold     INTEGER,
  over_again    INTEGER NOT NULL,
  document   TEXT,
  created_at INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('intake(id)', id, source, name, state, over_name,
    over_priority, over_hold, over_again, document, created_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('intake(id)', checksum, id, source, name, state, over_name,
    over_priority, over_hold, over_again, document, created_at)) VIRTUAL
) STRICT;
CREATE TRIGGER intake_intact BEFORE UPDATE ON intake BEGIN SELECT OLD.intact; END;
INSERT INTO intake (id, source, name, state, over_name, over_priority, over_hold, over_again, document, created_at)
  SELECT id, source, name, state, over_name, over_priority, over_hold, over_again, document, created_at FROM intake_1;

CREATE TABLE job (
  id             INTEGER PRIMARY KEY,
  name           TEXT NOT NULL,
  file           BLOB NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('queued', 'running', 'held', 'canceling', 'done', 'canceled')),
  reason         TEXT,
  next_action_at INTEGER,
  created_at     INTEGER NOT NULL,
  done_at        INTEGER,
  priority       INTEGER NOT NULL,
  version        TEXT NOT NULL,
  betas          TEXT NOT NULL,
  max_attempts   INTEGER NOT NULL,
  max_cost       INTEGER NOT NULL,
  digest         BLOB NOT NULL,
  format         TEXT NOT NULL CHECK (format IN ('lines', 'requests')),
  data_name      TEXT NOT NULL,
  options_line   TEXT NOT NULL,
  defaults       TEXT NOT NULL,
  requests       INTEGER NOT NULL CHECK (requests > 0),
  pending        INTEGER NOT NULL CHECK (pending >= 0),
  assigned       INTEGER NOT NULL CHECK (assigned >= 0),
  submitted      INTEGER NOT NULL CHECK (submitted >= 0),
  succeeded      INTEGER NOT NULL CHECK (succeeded >= 0),
  errored        INTEGER NOT NULL CHECK (errored >= 0),
  expired        INTEGER NOT NULL CHECK (expired >= 0),
  canceled       INTEGER NOT NULL CHECK (canceled >= 0),
  cost           INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('job(id)', id, name, file, state, reason,
    next_action_at, created_at, done_at, priority, version, betas, max_attempts, max_cost, digest, format, data_name,
    options_line, defaults, requests, pending, assigned, submitted, succeeded, errored, expired, canceled,
    cost)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('job(id)', checksum, id, name, file, state, reason,
    next_action_at, created_at, done_at, priority, version, betas, max_attempts, max_cost, digest, format, data_name,
    options_line, defaults, requests, pending, assigned, submitted, succeeded, errored, expired, canceled,
    cost)) VIRTUAL,
  CHECK (pending + assigned + submitted + succeeded + errored + expired + canceled = requests),
  CHECK ((state IN ('done', 'canceled')) = (done_at IS NOT NULL)),
  CHECK (state NOT IN ('done', 'canceled') OR pending + assigned + submitted = 0)
) STRICT;
CREATE TRIGGER job_intact BEFORE UPDATE ON job BEGIN SELECT OLD.intact; END;
INSERT INTO job (id, name, file, state, reason, next_action_at, created_at, done_at, priority, version, betas,
    max_attempts, max_cost, digest, format, data_name, options_line, defaults, requests, pending, assigned, submitted,
    succeeded, errored, expired, canceled, cost)
  SELECT id, name, file, state, reason, next_action_at, created_at, done_at, priority, version, betas, max_attempts,
    max_cost, digest, format, data_name, options_line, defaults, requests, pending, assigned, submitted, succeeded,
    errored, expired, canceled, cost FROM job_1;

CREATE TABLE segment (
  job     INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  entries BLOB NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('segment(job,number)', job, number, entries)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('segment(job,number)', checksum, job, number,
    entries)) VIRTUAL,
  PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER segment_intact BEFORE UPDATE ON segment BEGIN SELECT OLD.intact; END;
INSERT INTO segment (job, number, entries)
  SELECT job, number, entries FROM segment_1;

CREATE TABLE pending (
  job           INTEGER NOT NULL REFERENCES job (id),
  first         INTEGER NOT NULL,
  count         INTEGER NOT NULL CHECK (count > 0),
  attempts      INTEGER NOT NULL,
  since         INTEGER NOT NULL,
  not_before    INTEGER NOT NULL,
  most_together INTEGER NOT NULL,
  refused_at    INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('pending(job,first)', job, first, count, attempts,
    since, not_before, most_together, refused_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('pending(job,first)', checksum, job, first, count, attempts,
    since, not_before, most_together, refused_at)) VIRTUAL,
  PRIMARY KEY (job, first)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER pending_intact BEFORE UPDATE ON pending BEGIN SELECT OLD.intact; END;
INSERT INTO pending (job, first, count, attempts, since, not_before, most_together, refused_at)
  SELECT job, first, count, attempts, since, not_before, most_together, refused_at FROM pending_1;

CREATE TABLE intent (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  nonce          TEXT NOT NULL UNIQUE,
  state          TEXT NOT NULL
                 CHECK (state IN ('uploading', 'committing', 'created', 'rejected', 'unknown', 'not_created')),
  version        TEXT NOT NULL,
  betas          TEXT NOT NULL,
  requests       INTEGER NOT NULL CHECK (requests > 0),
  bytes          INTEGER NOT NULL,
  watermark      TEXT,
  watermark_at   INTEGER,
  created_at     INTEGER NOT NULL,
  committed_at   INTEGER,
  settled_at     INTEGER,
  reason         TEXT,
  next_action_at INTEGER,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('intent(id)', id, nonce, state, version, betas,
    requests, bytes, watermark, watermark_at, created_at, committed_at, settled_at, reason, next_action_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('intent(id)', checksum, id, nonce, state, version, betas,
    requests, bytes, watermark, watermark_at, created_at, committed_at, settled_at, reason, next_action_at)) VIRTUAL
) STRICT;
CREATE TRIGGER intent_intact BEFORE UPDATE ON intent BEGIN SELECT OLD.intact; END;
INSERT INTO intent (id, nonce, state, version, betas, requests, bytes, watermark, watermark_at, created_at,
    committed_at, settled_at, reason, next_action_at)
  SELECT id, nonce, state, version, betas, requests, bytes, watermark, watermark_at, created_at, committed_at,
    settled_at, reason, next_action_at FROM intent_1;

CREATE TABLE assignment (
  intent        INTEGER NOT NULL REFERENCES intent (id),
  first_place   INTEGER NOT NULL,
  job           INTEGER NOT NULL,  -- a job or, until the other jobs of the intent leave too, a purged one
  first         INTEGER NOT NULL,
  count         INTEGER NOT NULL CHECK (count > 0),
  attempts      INTEGER NOT NULL,
  most_together INTEGER NOT NULL,
  refused_at    INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('assignment(intent,first_place)', intent, first_place,
    job, first, count, attempts, most_together, refused_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('assignment(intent,first_place)', checksum, intent,
    first_place, job, first, count, attempts, most_together, refused_at)) VIRTUAL,
  PRIMARY KEY (intent, first_place)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER assignment_intact BEFORE UPDATE ON assignment BEGIN SELECT OLD.intact; END;
INSERT INTO assignment (intent, first_place, job, first, count, attempts, most_together, refused_at)
  SELECT intent, first_place, job, first, count, attempts, most_together, refused_at FROM assignment_1;

CREATE TABLE batch (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  provider_id    TEXT NOT NULL UNIQUE,
  intent         INTEGER NOT NULL UNIQUE REFERENCES intent (id),
  state          TEXT NOT NULL CHECK (state IN ('in_progress', 'canceling', 'ended', 'collected')),
  requests       INTEGER NOT NULL,
  bytes          INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  ended_at       INTEGER,
  archived_at    INTEGER,
  collected_at   INTEGER,
  processing     INTEGER NOT NULL,
  succeeded      INTEGER NOT NULL,
  errored        INTEGER NOT NULL,
  canceled       INTEGER NOT NULL,
  expired        INTEGER NOT NULL,
  proven         INTEGER NOT NULL,
  twin           INTEGER NOT NULL CHECK (twin IN (0, 1)),
  cancel_state   TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  downloads      INTEGER NOT NULL,
  failures       INTEGER NOT NULL,
  reason         TEXT,
  next_action_at INTEGER,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('batch(id)', id, provider_id, intent, state, requests,
    bytes, created_at, expires_at, ended_at, archived_at, collected_at, processing, succeeded, errored, canceled,
    expired, proven, twin, cancel_state, downloads, failures, reason, next_action_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('batch(id)', checksum, id, provider_id, intent, state,
    requests, bytes, created_at, expires_at, ended_at, archived_at, collected_at, processing, succeeded, errored,
    canceled, expired, proven, twin, cancel_state, downloads, failures, reason, next_action_at)) VIRTUAL
) STRICT;
CREATE TRIGGER batch_intact BEFORE UPDATE ON batch BEGIN SELECT OLD.intact; END;
INSERT INTO batch (id, provider_id, intent, state, requests, bytes, created_at, expires_at, ended_at, archived_at,
    collected_at, processing, succeeded, errored, canceled, expired, proven, twin, cancel_state, downloads, failures,
    reason, next_action_at)
  SELECT id, provider_id, intent, state, requests, bytes, created_at, expires_at, ended_at, archived_at, collected_at,
    processing, succeeded, errored, canceled, expired, proven, twin, cancel_state, downloads, failures, reason,
    next_action_at FROM batch_1;

CREATE TABLE outcome (
  job      INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  type     TEXT NOT NULL CHECK (type IN ('succeeded', 'errored', 'expired', 'canceled')),
  batch    INTEGER NOT NULL,
  download INTEGER NOT NULL,
  offset   INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  row_sum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('outcome(job,seq)', job, seq, type, batch, download,
    offset, bytes, checksum)) STORED,
  -- Not NOT NULL: that would compare every row once more while it is inserted, hundreds of thousands a second.
  intact INTEGER GENERATED ALWAYS AS (row_intact('outcome(job,seq)', row_sum, job, seq, type, batch,
    download, offset, bytes, checksum)) VIRTUAL,
  PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER outcome_intact BEFORE UPDATE ON outcome BEGIN SELECT OLD.intact; END;
INSERT INTO outcome (job, seq, type, batch, download, offset, bytes, checksum)
  SELECT job, seq, type, batch, download, offset, bytes, checksum FROM outcome_1;

CREATE TABLE made_outcome (
  job    INTEGER NOT NULL,
  first  INTEGER NOT NULL,
  count  INTEGER NOT NULL CHECK (count > 0),
  type   TEXT NOT NULL CHECK (type IN ('succeeded', 'errored', 'expired', 'canceled')),
  result TEXT NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('made_outcome(job,first)', job, first, count, type,
    result)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('made_outcome(job,first)', checksum, job, first, count, type,
    result)) VIRTUAL,
  PRIMARY KEY (job, first)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER made_outcome_intact BEFORE UPDATE ON made_outcome BEGIN SELECT OLD.intact; END;
INSERT INTO made_outcome (job, first, count, type, result)
  SELECT job, first, count, type, result FROM made_outcome_1;

CREATE TABLE attempt (
  batch      INTEGER NOT NULL,
  job        INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  type       TEXT NOT NULL CHECK (type IN ('succeeded', 'errored', 'expired', 'canceled')),
  action     TEXT NOT NULL CHECK (action IN ('another', 'account_again', 'hold_again', 'twin')),
  error_type TEXT NOT NULL,
  at         INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('attempt(batch,job,seq)', batch, job, seq, type, action,
    error_type, at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('attempt(batch,job,seq)', checksum, batch, job, seq, type,
    action, error_type, at)) VIRTUAL,
  PRIMARY KEY (batch, job, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER attempt_intact BEFORE UPDATE ON attempt BEGIN SELECT OLD.intact; END;
INSERT INTO attempt (batch, job, seq, type, action, error_type, at)
  SELECT batch, job, seq, type, action, error_type, at FROM attempt_1;

CREATE TABLE tally (
  job  INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('stop_reason', 'usage', 'unpriced_model')),
  name TEXT NOT NULL,
  n    INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('tally(job,kind,name)', job, kind, name, n)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('tally(job,kind,name)', checksum, job, kind, name,
    n)) VIRTUAL,
  PRIMARY KEY (job, kind, name)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tally_intact BEFORE UPDATE ON tally BEGIN SELECT OLD.intact; END;
INSERT INTO tally (job, kind, name, n)
  SELECT job, kind, name, n FROM tally_1;

CREATE TABLE spent (
  day  INTEGER PRIMARY KEY,
  cost INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('spent(day)', day, cost)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('spent(day)', checksum, day, cost)) VIRTUAL
) STRICT;
CREATE TRIGGER spent_intact BEFORE UPDATE ON spent BEGIN SELECT OLD.intact; END;
INSERT INTO spent (day, cost)
  SELECT day, cost FROM spent_1;

CREATE TABLE unexplained (
  provider_id TEXT PRIMARY KEY,
  requests    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('open', 'dismissed', 'claimed')),
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('unexplained(provider_id)', provider_id, requests,
    created_at, state)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('unexplained(provider_id)', checksum, provider_id, requests,
    created_at, state)) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER unexplained_intact BEFORE UPDATE ON unexplained BEGIN SELECT OLD.intact; END;
INSERT INTO unexplained (provider_id, requests, created_at, state)
  SELECT provider_id, requests, created_at, state FROM unexplained_1;

CREATE TABLE excluded (
  intent      INTEGER NOT NULL,
  provider_id TEXT NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('excluded(intent,provider_id)', intent,
    provider_id)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('excluded(intent,provider_id)', checksum, intent,
    provider_id)) VIRTUAL,
  PRIMARY KEY (intent, provider_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER excluded_intact BEFORE UPDATE ON excluded BEGIN SELECT OLD.intact; END;
INSERT INTO excluded (intent, provider_id)
  SELECT intent, provider_id FROM excluded_1;

DELETE FROM sqlite_sequence WHERE name IN ('intake', 'intent', 'batch');
INSERT INTO sqlite_sequence (name, seq) SELECT substr(name, 1, length(name) - 2), seq FROM sqlite_sequence WHERE name IN
  ('intake_1', 'intent_1', 'batch_1');

DROP TABLE excluded_1;
DROP TABLE unexplained_1;
DROP TABLE spent_1;
DROP TABLE tally_1;
DROP TABLE attempt_1;
DROP TABLE made_outcome_1;
DROP TABLE outcome_1;
DROP TABLE batch_1;
DROP TABLE assignment_1;
DROP TABLE intent_1;
DROP TABLE pending_1;
DROP TABLE segment_1;
DROP TABLE job_1;
DROP TABLE intake_1;
DROP TABLE fact_1;

CREATE INDEX job_digest ON job (digest);
CREATE INDEX job_open ON job (priority DESC, id) WHERE state IN ('queued', 'running', 'held', 'canceling');
CREATE INDEX intent_not_created ON intent (settled_at) WHERE state = 'not_created';
CREATE INDEX intent_open ON intent (state) WHERE state IN ('uploading', 'committing', 'unknown');
CREATE INDEX assignment_job ON assignment (job, intent);
CREATE INDEX batch_open ON batch (state) WHERE state <> 'collected';
CREATE INDEX attempt_request ON attempt (job, seq);
