-- What an operator decides about batches that nothing here explains, and about intents whose outcome is unknown.

CREATE TABLE unexplained_batch (
  provider_id    TEXT PRIMARY KEY,
  requests       INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('open', 'claiming', 'claimed', 'dismissed')),
  cancel_state   TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  failures       INTEGER NOT NULL,  -- of the claim, in a row
  matched        INTEGER NOT NULL,  -- claimed: its lines that are a request of ours
  unmatched      INTEGER NOT NULL,  -- claimed: the others
  reason         TEXT,
  next_action_at INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO unexplained_batch
  SELECT provider_id, requests, created_at, state, 'no', 0, 0, 0, NULL, NULL FROM unexplained;
DROP TABLE unexplained;
ALTER TABLE unexplained_batch RENAME TO unexplained;

-- What may be an unknown intent's batch, as the last list showed it.
CREATE TABLE candidate (
  intent       INTEGER NOT NULL,
  provider_id  TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  ended        INTEGER NOT NULL CHECK (ended IN (0, 1)),
  cancel_state TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  PRIMARY KEY (intent, provider_id)
) STRICT, WITHOUT ROWID;
