// Ingest's verbs: files on their way in, and the index that grows while they are checked.
#include <fmt/format.h>

#include "queue/moves.hpp"

namespace offpeak {

namespace {

constexpr std::string_view columns =
    "id, source, name, state, over_name, over_priority, over_hold, over_again, document, created_at, intact";

Intake read_intake(const Statement& row) {
  Intake intake;
  intake.id = JobId{row.integer(0)};
  intake.source = row.bytes(1) == "socket" ? IntakeSource::socket : IntakeSource::folder;
  intake.name = row.text(2);
  intake.state = row.bytes(3) == "claiming"   ? IntakeState::claiming
                 : row.bytes(3) == "checking" ? IntakeState::checking
                                              : IntakeState::rejected;
  intake.overrides.name = row.maybe_text(4);
  if (!row.is_null(5)) intake.overrides.priority = row.integer(5);
  if (!row.is_null(6)) intake.overrides.hold = row.integer(6) != 0;
  intake.overrides.again = row.integer(7) != 0;
  intake.document = row.text(8);
  intake.created_at = row.time(9);
  return intake;
}

// The runs of [0, requests) that no made outcome covers.
std::vector<RequestRange> runs_without_outcome(Sql& sql, JobId job, Seq requests) {
  std::vector<RequestRange> runs;
  Seq next = 0;
  auto row = sql.query("SELECT first, count FROM made_outcome WHERE job = ? AND intact ORDER BY first", job);
  while (row.step()) {
    const auto first = static_cast<Seq>(row.integer(0));
    if (first > next) runs.push_back({job, next, first - next});
    next = first + static_cast<Seq>(row.integer(1));
  }
  if (next < requests) runs.push_back({job, next, requests - next});
  return runs;
}

void insert_job(Sql& sql, const Job& job, const std::optional<std::string_view>& held, std::int64_t errored,
                Instant now) {
  const std::string_view digest(reinterpret_cast<const char*>(job.digest.bytes.data()), job.digest.bytes.size());
  sql.run(
      "INSERT INTO job (id, name, file, state, reason, created_at, priority, version, betas, max_attempts, max_cost, "
      "digest, format, data_name, options_line, defaults, requests, pending, assigned, submitted, succeeded, errored, "
      "expired, canceled, cost) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, 0, 0, 0)",
      job.id, job.name, Blob{job.file}, to_text(held ? JobState::held : JobState::queued), held, now, job.priority,
      job.headers.version, join_betas(job.headers.betas), job.max_attempts, job.max_cost, Blob{digest},
      job.format == JobFormat::lines ? "lines" : "requests", job.data_name, job.options_line, job.defaults,
      job.requests, job.requests - errored, errored);
}

std::optional<JobId> take_free_id(Sql& sql) {
  std::optional<JobId> id;
  {
    auto row = sql.query("SELECT id FROM free_id WHERE intact ORDER BY id LIMIT 1");
    if (row.step()) id = JobId{row.integer(0)};
  }
  if (id) sql.run("DELETE FROM free_id WHERE id = ?", *id);
  return id;
}

JobId insert_intake(Sql& sql, IntakeSource source, const std::string& name, const IntakeOverrides& overrides,
                    Instant now) {
  sql.run(
      "INSERT INTO intake (id, source, name, state, over_name, over_priority, over_hold, over_again, created_at) "
      "VALUES (?, ?, ?, 'claiming', ?, ?, ?, ?, ?)",
      take_free_id(sql), source == IntakeSource::socket ? "socket" : "folder", Blob{name}, overrides.name,
      overrides.priority, overrides.hold, overrides.again, now);
  return JobId{sql.last_id()};
}

std::vector<JobId> free_ids(Sql& sql) {
  std::vector<JobId> ids;
  auto row = sql.query("SELECT id FROM free_id WHERE intact");
  while (row.step()) ids.push_back(JobId{row.integer(0)});
  return ids;
}

void end_intake(Sql& sql, JobId id) {
  if (sql.run("DELETE FROM intake WHERE id = ?", id) == 0) return;
  sql.run("INSERT INTO free_id (id) VALUES (?)", id);
}

void insert_segments(Sql& sql, JobId id, std::uint32_t first_number, const std::vector<std::string>& segments) {
  for (const auto& segment : segments) {
    sql.run("INSERT INTO segment VALUES (?, ?, ?)", id, first_number++, Blob{segment});
  }
}

void insert_made_outcomes(Sql& sql, JobId id, const std::vector<MadeOutcome>& outcomes) {
  for (const auto& made : outcomes) {
    sql.run("INSERT OR IGNORE INTO made_outcome VALUES (?, ?, ?, ?, ?)", id, made.first, made.count, to_text(made.type),
            made.result);
  }
}

// Why the job is held from the start, if it is.
std::optional<std::string_view> held_because(Sql& sql, const NewJob& wanted) {
  const bool elsewhere = integer_fact(sql, "restored_elsewhere").has_value();
  const bool recovered =
      wanted.job.file.starts_with(recovered_prefix) && (elsewhere || integer_fact(sql, "restored_at"));
  if (recovered && elsewhere) return recovered_for_operator;
  if (wanted.hold) return recovered ? recovered_for_operator : held_by_options;
  return recovered ? std::optional(recovered_reason) : std::nullopt;
}

void accept_one(Sql& sql, const NewJob& wanted, Instant now) {
  const auto& job = wanted.job;
  insert_segments(sql, job.id, wanted.first_segment, wanted.segments);
  insert_made_outcomes(sql, job.id, wanted.made);
  const auto runs = runs_without_outcome(sql, job.id, static_cast<Seq>(job.requests));
  std::int64_t pending = 0;
  for (const auto& run : runs) pending += run.count;
  insert_job(sql, job, held_because(sql, wanted), job.requests - pending, now);
  for (const auto& run : runs) {
    PendingRange waiting;
    waiting.range = run;
    waiting.since = now;
    add_pending(sql, waiting);
  }
  if (wanted.taken) {
    sql.run("INSERT INTO taken_file (job, bytes, modified_ns, changed) VALUES (?, ?, ?, 0)", job.id,
            wanted.taken->bytes, wanted.taken->modified_ns);
  }
  sql.run("DELETE FROM intake WHERE id = ?", job.id);
}

}  // namespace

KnownClaims Queue::known_claims() const {
  KnownClaims known;
  {
    auto row = sql_->query("SELECT id FROM job");
    while (row.step()) known.jobs.insert(JobId{row.integer(0)});
  }
  {
    auto row = sql_->query("SELECT job FROM purged WHERE intact");
    while (row.step()) known.purged.insert(JobId{row.integer(0)});
  }
  auto row = sql_->query("SELECT id FROM intake");
  while (row.step()) known.intakes.insert(JobId{row.integer(0)});
  return known;
}

void Queue::skip_job_ids(const std::set<JobId>& taken, bool unknown_files, Instant now) {
  if (taken.empty()) return;
  for (const auto id : free_ids(*sql_)) {
    if (taken.contains(id)) sql_->run("DELETE FROM free_id WHERE id = ?", id);
  }
  const auto highest = *taken.rbegin();
  std::optional<std::int64_t> last;
  {
    auto row = sql_->query("SELECT seq FROM sqlite_sequence WHERE name = 'intake'");
    if (row.step()) last = row.integer(0);
  }
  if (!last) {
    sql_->run("INSERT INTO sqlite_sequence (name, seq) VALUES ('intake', ?)", highest);
  } else if (*last < highest.value) {
    sql_->run("UPDATE sqlite_sequence SET seq = ? WHERE name = 'intake'", highest);
  }
  if (unknown_files || last.value_or(0) < highest.value) {
    set_fact(*sql_, "restored_at", to_millis(now));
    const auto newest = integer_fact(*sql_, "newest_known_at");
    if (newest && !integer_fact(*sql_, "restore_floor")) set_fact(*sql_, "restore_floor", *newest);
    clear_fact(*sql_, "restored_elsewhere");
  }
}

JobId Queue::announce_intake(IntakeSource source, const std::string& name, const IntakeOverrides& overrides,
                             Instant now) {
  const auto id = insert_intake(*sql_, source, name, overrides, now);
  return id;
}

std::vector<JobId> Queue::announce_intakes(const std::vector<std::string>& names, Instant now) {
  std::vector<JobId> ids;
  for (const auto& name : names) ids.push_back(insert_intake(*sql_, IntakeSource::folder, name, {}, now));
  return ids;
}

void Queue::intakes_in_claimed(const std::vector<JobId>& ids) {
  for (const auto id : ids) sql_->run("UPDATE intake SET state = 'checking' WHERE id = ? AND state = 'claiming'", id);
}

std::vector<Intake> Queue::intakes() const {
  static const auto text = fmt::format("SELECT {} FROM intake WHERE state <> 'rejected' ORDER BY id", columns);
  std::vector<Intake> found;
  auto row = sql_->query(text);
  while (row.step()) found.push_back(read_intake(row));
  return found;
}

std::optional<Intake> Queue::intake(JobId id) const {
  static const auto text = fmt::format("SELECT {} FROM intake WHERE id = ?", columns);
  auto row = sql_->query(text, id);
  if (!row.step()) return std::nullopt;
  return read_intake(row);
}

void Queue::add_segments(JobId id, std::uint32_t first_number, const std::vector<std::string>& segments) {
  insert_segments(*sql_, id, first_number, segments);
}

void Queue::add_made_outcomes(JobId id, const std::vector<MadeOutcome>& outcomes) {
  insert_made_outcomes(*sql_, id, outcomes);
}

std::optional<JobId> Queue::job_with_digest(const Digest128& digest) const {
  const std::string_view bytes(reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size());
  auto row = sql_->query(
      "SELECT id FROM job WHERE digest = ?1 AND intact UNION ALL SELECT job FROM purged WHERE digest = ?1 AND intact "
      "ORDER BY 1 DESC LIMIT 1",
      Blob{bytes});
  if (!row.step()) return std::nullopt;
  return JobId{row.integer(0)};
}

std::vector<Accepted> Queue::accept_jobs(const std::vector<const NewJob*>& jobs, Instant now) {
  std::vector<Accepted> accepted;
  for (const auto* wanted : jobs) {
    const auto duplicate_of = wanted->again ? std::nullopt : job_with_digest(wanted->job.digest);
    if (!duplicate_of) accept_one(*sql_, *wanted, now);
    accepted.push_back({duplicate_of});
  }
  return accepted;
}

Accepted Queue::accept_job(const Job& job, bool again, bool hold, Instant now) {
  NewJob wanted;
  wanted.job = job;
  wanted.again = again;
  wanted.hold = hold;
  return accept_jobs({&wanted}, now).front();
}

void Queue::note_rejection(JobId id, const std::string& document) {
  sql_->run("UPDATE intake SET document = ? WHERE id = ? AND source = 'folder'", document, id);
}

void Queue::reject_file(JobId id, const std::optional<RejectedFile>& record) {
  end_intake(*sql_, id);
  if (record) add_rejected(*sql_, *record);
}

void Queue::retire_intake(JobId id) { sql_->run("DELETE FROM intake WHERE id = ?", id); }

void Queue::reject_intake(JobId id, const std::string& document) {
  sql_->run("UPDATE intake SET state = 'rejected', document = ? WHERE id = ? AND source = 'socket'", document, id);
}

void Queue::forget_intake(JobId id) { end_intake(*sql_, id); }

bool Queue::discard_index(JobId id) {
  sql_->forget_segment();
  auto left = sql_->run(
      "DELETE FROM segment WHERE job = ?1 AND number IN (SELECT number FROM segment WHERE job = ?1 LIMIT 500)", id);
  left += sql_->run(
      "DELETE FROM made_outcome WHERE job = ?1 AND first IN (SELECT first FROM made_outcome WHERE job = ?1 LIMIT 5000)",
      id);
  return left == 0;
}

}  // namespace offpeak
