-- What an operator decides about batches that nothing here explains, and about intents whose outcome is unknown.

DROP TRIGGER unexplained_intact;
ALTER TABLE unexplained RENAME TO unexplained_2;

CREATE TABLE unexplained (
  provider_id    TEXT PRIMARY KEY,
  requests       INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('open', 'claiming', 'claimed', 'dismissed')),
  cancel_state   TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  failures       INTEGER NOT NULL,  -- of the claim, in a row
  matched        INTEGER NOT NULL,  -- claimed: its lines that are a request of ours
  unmatched      INTEGER NOT NULL,  -- claimed: the others
  reason         TEXT,
  next_action_at INTEGER,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('unexplained(provider_id)', provider_id, requests,
    created_at, state, cancel_state, failures, matched, unmatched, reason, next_action_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('unexplained(provider_id)', checksum, provider_id, requests,
    created_at, state, cancel_state, failures, matched, unmatched, reason, next_action_at)) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER unexplained_intact BEFORE UPDATE ON unexplained BEGIN SELECT OLD.intact; END;
INSERT INTO unexplained (provider_id, requests, created_at, state, cancel_state, failures, matched, unmatched)
  SELECT provider_id, requests, created_at, state, 'no', 0, 0, 0 FROM unexplained_2 WHERE intact;
DROP TABLE unexplained_2;

-- What may be an unknown intent's batch, as the last list showed it.
CREATE TABLE candidate (
  intent       INTEGER NOT NULL,
  provider_id  TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  ended        INTEGER NOT NULL CHECK (ended IN (0, 1)),
  cancel_state TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('candidate(intent,provider_id)', intent, provider_id,
    created_at, expires_at, ended, cancel_state)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('candidate(intent,provider_id)', checksum, intent,
    provider_id, created_at, expires_at, ended, cancel_state)) VIRTUAL,
  PRIMARY KEY (intent, provider_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER candidate_intact BEFORE UPDATE ON candidate BEGIN SELECT OLD.intact; END;
