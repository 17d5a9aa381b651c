-- The queue's index. Bytes of requests and results stay in files; a row says where they lie and in which state
-- they are. Times are milliseconds since 1970 (UTC), money is nanodollars.

-- Single facts: learned sizes, pauses, the newest known batch.
CREATE TABLE fact (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A job file on its way in. Its id becomes the job's.
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
  created_at INTEGER NOT NULL
) STRICT;

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
  -- Nothing is lost and nothing is in two places: the database refuses anything else.
  CHECK (pending + assigned + submitted + succeeded + errored + expired + canceled = requests),
  CHECK ((state IN ('done', 'canceled')) = (done_at IS NOT NULL)),
  CHECK (state NOT IN ('done', 'canceled') OR pending + assigned + submitted = 0)
) STRICT;
CREATE INDEX job_digest ON job (digest);
CREATE INDEX job_open ON job (priority DESC, id) WHERE state IN ('queued', 'running', 'held', 'canceling');

-- Where each request lies in its job's bytes: 1,024 entries a row (lib/model/line_index.hpp).
CREATE TABLE segment (
  job     INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

-- Runs of requests that wait for a place in an intent.
CREATE TABLE pending (
  job           INTEGER NOT NULL REFERENCES job (id),
  first         INTEGER NOT NULL,
  count         INTEGER NOT NULL CHECK (count > 0),
  attempts      INTEGER NOT NULL,
  since         INTEGER NOT NULL,
  not_before    INTEGER NOT NULL,
  most_together INTEGER NOT NULL,
  refused_at    INTEGER NOT NULL,
  PRIMARY KEY (job, first)
) STRICT, WITHOUT ROWID;

-- The durable plan of one create call, made before anything is sent.
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
  next_action_at INTEGER
) STRICT;
CREATE INDEX intent_not_created ON intent (settled_at) WHERE state = 'not_created';
CREATE INDEX intent_open ON intent (state) WHERE state IN ('uploading', 'committing', 'unknown');

-- Which requests an intent carries: places [first_place, first_place + count) are requests [first, first + count).
CREATE TABLE assignment (
  intent        INTEGER NOT NULL REFERENCES intent (id),
  first_place   INTEGER NOT NULL,
  job           INTEGER NOT NULL REFERENCES job (id),
  first         INTEGER NOT NULL,
  count         INTEGER NOT NULL CHECK (count > 0),
  attempts      INTEGER NOT NULL,
  most_together INTEGER NOT NULL,
  refused_at    INTEGER NOT NULL,
  PRIMARY KEY (intent, first_place)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_job ON assignment (job, intent);

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
  twin           INTEGER NOT NULL CHECK (twin IN (0, 1)),  -- came late, after its intent was taken as not created
  cancel_state   TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  downloads      INTEGER NOT NULL,
  failures       INTEGER NOT NULL,
  reason         TEXT,
  next_action_at INTEGER
) STRICT;
CREATE INDEX batch_open ON batch (state) WHERE state <> 'collected';

-- A final outcome and where its bytes lie in the raw download; the first one recorded stands.
CREATE TABLE outcome (
  job      INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  type     TEXT NOT NULL CHECK (type IN ('succeeded', 'errored', 'expired', 'canceled')),
  batch    INTEGER NOT NULL,
  download INTEGER NOT NULL,
  offset   INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;

-- Outcomes the provider never gave, as runs: skipped lines, canceled before they were sent, refused alone, lost.
CREATE TABLE made_outcome (
  job    INTEGER NOT NULL,
  first  INTEGER NOT NULL,
  count  INTEGER NOT NULL CHECK (count > 0),
  type   TEXT NOT NULL CHECK (type IN ('succeeded', 'errored', 'expired', 'canceled')),
  result TEXT NOT NULL,
  PRIMARY KEY (job, first)
) STRICT, WITHOUT ROWID;

-- Result lines that did not become the outcome: their requests go again when the batch is collected. Of a twin, every
-- line: it sends nothing again.
CREATE TABLE attempt (
  batch      INTEGER NOT NULL,
  job        INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  type       TEXT NOT NULL CHECK (type IN ('succeeded', 'errored', 'expired', 'canceled')),
  action     TEXT NOT NULL CHECK (action IN ('another', 'account_again', 'hold_again', 'twin')),
  error_type TEXT NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (batch, job, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_request ON attempt (job, seq);

-- Sums a job shows: stop reasons, usage, models without a price.
CREATE TABLE tally (
  job  INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('stop_reason', 'usage', 'unpriced_model')),
  name TEXT NOT NULL,
  n    INTEGER NOT NULL,
  PRIMARY KEY (job, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE spent (
  day  INTEGER PRIMARY KEY,  -- days since 1970 (UTC)
  cost INTEGER NOT NULL
) STRICT;

-- Batches the provider lists that no intent explains.
CREATE TABLE unexplained (
  provider_id TEXT PRIMARY KEY,
  requests    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('open', 'dismissed', 'claimed'))
) STRICT, WITHOUT ROWID;

-- Candidates of an unknown intent that were shown not to be it.
CREATE TABLE excluded (
  intent      INTEGER NOT NULL,
  provider_id TEXT NOT NULL,
  PRIMARY KEY (intent, provider_id)
) STRICT, WITHOUT ROWID;
