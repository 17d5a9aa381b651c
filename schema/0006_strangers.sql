-- Batches in the provider's list that are not ours are remembered when they are first seen, whatever is decided about
-- them; and under whose key everything was sent.

DROP TRIGGER unexplained_intact;
ALTER TABLE unexplained RENAME TO unexplained_5;

CREATE TABLE unexplained (
  provider_id    TEXT PRIMARY KEY,
  requests       INTEGER NOT NULL,  -- as listed when it was first seen; 0: not told
  created_at     INTEGER NOT NULL,
  -- seen: told, and holds nothing; open: holds submitting until a human decides
  state          TEXT NOT NULL CHECK (state IN ('seen', 'open', 'claiming', 'claimed', 'dismissed')),
  cancel_state   TEXT NOT NULL CHECK (cancel_state IN ('no', 'wanted', 'requested')),
  failures       INTEGER NOT NULL,  -- of the claim, in a row
  matched        INTEGER NOT NULL,  -- claimed: its lines that are a request of ours
  unmatched      INTEGER NOT NULL,  -- claimed: the others
  reason         TEXT,
  next_action_at INTEGER,
  copy_of        INTEGER,           -- the intent whose create it may be another copy of
  seen_at        INTEGER NOT NULL,  -- by our clock
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('unexplained(provider_id)', provider_id, requests,
    created_at, state, cancel_state, failures, matched, unmatched, reason, next_action_at, copy_of, seen_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('unexplained(provider_id)', checksum, provider_id, requests,
    created_at, state, cancel_state, failures, matched, unmatched, reason, next_action_at, copy_of, seen_at)) VIRTUAL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER unexplained_intact BEFORE UPDATE ON unexplained BEGIN SELECT OLD.intact; END;
INSERT INTO unexplained (provider_id, requests, created_at, state, cancel_state, failures, matched, unmatched, reason,
    next_action_at, seen_at)
  SELECT provider_id, requests, created_at, state, cancel_state, failures, matched, unmatched, reason, next_action_at,
    created_at FROM unexplained_5 WHERE intact;
DROP TABLE unexplained_5;

-- What is not newer than this was there before, or is known: nothing was compared with the lists until now.
INSERT INTO fact (name, value) SELECT 'known_from', value FROM fact WHERE name = 'newest_known_at' AND intact;

-- Whose key, at which address. The key itself is in no file of ours: key_hash is keyed with a salt of this state.
CREATE TABLE sender (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  origin       TEXT NOT NULL,
  workspace    TEXT NOT NULL,
  key_hash     TEXT NOT NULL,
  organization TEXT NOT NULL,  -- as the provider's answers said; empty: they did not
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('sender(id)', id, origin, workspace, key_hash,
    organization)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('sender(id)', checksum, id, origin, workspace, key_hash,
    organization)) VIRTUAL
) STRICT;
CREATE TRIGGER sender_intact BEFORE UPDATE ON sender BEGIN SELECT OLD.intact; END;

CREATE TABLE sent_by (
  intent INTEGER PRIMARY KEY,
  sender INTEGER NOT NULL REFERENCES sender (id),
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('sent_by(intent)', intent, sender)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('sent_by(intent)', checksum, intent, sender)) VIRTUAL
) STRICT;
CREATE TRIGGER sent_by_intact BEFORE UPDATE ON sent_by BEGIN SELECT OLD.intact; END;
