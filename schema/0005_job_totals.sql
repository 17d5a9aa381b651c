-- What the jobs of 4,096 neighbouring ids add up to: the status asks for sums over all jobs, and finished ones stay for
-- months. A part is small enough for an audit to compare it with its jobs in one short look. Triggers move it in the
-- transaction that moves the job, so no writer can forget it. A part without jobs has no row.
CREATE TABLE job_total (
  part      INTEGER PRIMARY KEY,  -- job id / 4,096
  jobs_open INTEGER NOT NULL,
  pending   INTEGER NOT NULL,
  assigned  INTEGER NOT NULL,
  submitted INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  errored   INTEGER NOT NULL,
  expired   INTEGER NOT NULL,
  canceled  INTEGER NOT NULL,
  checksum INTEGER NOT NULL GENERATED ALWAYS AS (row_checksum('job_total(part)', part, jobs_open, pending, assigned,
    submitted, succeeded, errored, expired, canceled)) STORED,
  intact INTEGER NOT NULL GENERATED ALWAYS AS (row_intact('job_total(part)', checksum, part, jobs_open, pending,
    assigned, submitted, succeeded, errored, expired, canceled)) VIRTUAL
) STRICT;
CREATE TRIGGER job_total_intact BEFORE UPDATE ON job_total BEGIN SELECT OLD.intact; END;

INSERT INTO job_total (part, jobs_open, pending, assigned, submitted, succeeded, errored, expired, canceled)
  SELECT id / 4096, sum(state NOT IN ('done', 'canceled')), sum(pending), sum(assigned), sum(submitted), sum(succeeded),
    sum(errored), sum(expired), sum(canceled) FROM job WHERE intact GROUP BY 1;

CREATE TRIGGER job_total_insert AFTER INSERT ON job BEGIN
  INSERT INTO job_total (part, jobs_open, pending, assigned, submitted, succeeded, errored, expired, canceled)
    VALUES (NEW.id / 4096, NEW.state NOT IN ('done', 'canceled'), NEW.pending, NEW.assigned, NEW.submitted,
      NEW.succeeded, NEW.errored, NEW.expired, NEW.canceled)
    ON CONFLICT (part) DO UPDATE SET jobs_open = jobs_open + excluded.jobs_open, pending = pending + excluded.pending,
      assigned = assigned + excluded.assigned, submitted = submitted + excluded.submitted,
      succeeded = succeeded + excluded.succeeded, errored = errored + excluded.errored,
      expired = expired + excluded.expired, canceled = canceled + excluded.canceled;
END;
CREATE TRIGGER job_total_update
  AFTER UPDATE OF state, pending, assigned, submitted, succeeded, errored, expired, canceled ON job BEGIN
  UPDATE job_total SET
    jobs_open = jobs_open + (NEW.state NOT IN ('done', 'canceled')) - (OLD.state NOT IN ('done', 'canceled')),
    pending = pending + NEW.pending - OLD.pending, assigned = assigned + NEW.assigned - OLD.assigned,
    submitted = submitted + NEW.submitted - OLD.submitted, succeeded = succeeded + NEW.succeeded - OLD.succeeded,
    errored = errored + NEW.errored - OLD.errored, expired = expired + NEW.expired - OLD.expired,
    canceled = canceled + NEW.canceled - OLD.canceled
    WHERE part = OLD.id / 4096;
END;
CREATE TRIGGER job_total_delete AFTER DELETE ON job BEGIN
  SELECT OLD.intact;
  UPDATE job_total SET jobs_open = jobs_open - (OLD.state NOT IN ('done', 'canceled')), pending = pending - OLD.pending,
    assigned = assigned - OLD.assigned, submitted = submitted - OLD.submitted, succeeded = succeeded - OLD.succeeded,
    errored = errored - OLD.errored, expired = expired - OLD.expired, canceled = canceled - OLD.canceled
    WHERE part = OLD.id / 4096;
  DELETE FROM job_total WHERE part = OLD.id / 4096 AND intact AND NOT EXISTS (SELECT 1 FROM job
    WHERE id >= OLD.id / 4096 * 4096 AND id < (OLD.id / 4096 + 1) * 4096);
END;

CREATE INDEX job_held ON job (id) WHERE state = 'held';
