-- Creates that were refused without naming a request, by the headers that they carried, until one with these headers is
-- accepted: whether the words are about one request or about the whole call.
CREATE TABLE refused_headers (
  version     TEXT NOT NULL,
  betas       TEXT NOT NULL,
  words       TEXT NOT NULL,     -- the provider's, of the last refusal; empty: accepted since
  halvings    INTEGER NOT NULL,  -- refused with these words, and sent again in halves
  alone       INTEGER NOT NULL,  -- refused with them since a request alone was
  accepted_at INTEGER,           -- the last create that was accepted since there is this row
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('refused_headers(version,betas)', version, betas, words,
    halvings, alone, accepted_at)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('refused_headers(version,betas)', checksum, version, betas,
    words, halvings, alone, accepted_at)) VIRTUAL,
  PRIMARY KEY (version, betas)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER refused_headers_intact BEFORE UPDATE ON refused_headers BEGIN SELECT OLD.intact; END;
