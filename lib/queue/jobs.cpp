// Export's and control's verbs: jobs, their outcomes, and what people ask of them.
#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "queue/moves.hpp"
#include "queue/waiting.hpp"

namespace offpeak {

namespace {

constexpr std::uint32_t strangers_shown = 5;

constexpr std::string_view columns =
    "id, name, file, state, reason, next_action_at, created_at, done_at, priority, version, betas, max_attempts, "
    "max_cost, digest, format, data_name, options_line, defaults, requests, pending, assigned, submitted, succeeded, "
    "errored, expired, canceled, cost, (SELECT changed FROM taken_file WHERE taken_file.job = job.id AND "
    "taken_file.intact), intact";

Job read_job(const Statement& row) {
  Job job;
  job.id = JobId{row.integer(0)};
  job.name = row.text(1);
  job.file = row.text(2);
  job.state = parse_job_state(row.bytes(3)).value_or(JobState::held);
  job.reason = row.maybe_text(4);
  job.next_action_at = row.maybe_time(5);
  job.created_at = row.time(6);
  job.done_at = row.maybe_time(7);
  job.priority = row.integer(8);
  job.headers = {row.text(9), split_betas(row.text(10))};
  job.max_attempts = static_cast<std::uint32_t>(row.integer(11));
  job.max_cost = row.integer(12);
  const auto digest = row.bytes(13);
  std::copy_n(digest.begin(), std::min(digest.size(), job.digest.bytes.size()), job.digest.bytes.begin());
  job.format = row.bytes(14) == "lines" ? JobFormat::lines : JobFormat::requests;
  job.data_name = row.text(15);
  job.options_line = row.text(16);
  job.defaults = row.text(17);
  job.requests = row.integer(18);
  for (int i = 0; i < 7; ++i) job.counts.by_state[static_cast<std::size_t>(i)] = row.integer(19 + i);
  job.cost = row.integer(26);
  job.file_changed = row.integer(27) != 0;
  return job;
}

template <class... Values>
std::vector<Job> read_jobs(Sql& sql, std::string_view where, const Values&... values) {
  const auto text = fmt::format("SELECT {} FROM job {}", columns, where);
  std::vector<Job> found;
  auto row = sql.query(text, values...);
  while (row.step()) found.push_back(read_job(row));
  return found;
}

// What came after the file had been taken is in no job: a human must know, and as long as nobody looks it is told.
void record_change(Sql& sql, const Job& job, const FinishedJob& finished) {
  if (job.file_changed) return;
  sql.run("UPDATE taken_file SET changed = 1 WHERE job = ?", job.id);
  RejectedFile record;
  record.file = job.file;
  record.at = finished.done_at;
  record.error_count = 1;
  record.errors = fmt::format(R"([{{"line":null,"column":null,"offset":null,"message":{},"hint":{}}}])",
                              json_quote(finished.changed),
                              json_quote("drop what is missing as a file of its own; rename a file into incoming/ "
                                         "only after its writer has closed it"));
  record.job = job.id;
  add_rejected(sql, record);
}

void add_recorded(Sql& sql, JobId job, Seq first, std::int64_t end, std::vector<OutcomeRow>& found) {
  auto row = sql.query(
      "SELECT seq, type, batch, download, offset, bytes, checksum FROM outcome WHERE job = ? AND seq >= ? AND seq < ? "
      "AND intact ORDER BY seq",
      job, first, end);
  while (row.step()) {
    OutcomeRow outcome;
    outcome.seq = static_cast<Seq>(row.integer(0));
    outcome.type = parse_outcome_type(row.bytes(1)).value_or(OutcomeType::errored);
    outcome.batch = BatchId{row.integer(2)};
    outcome.download = static_cast<std::uint32_t>(row.integer(3));
    outcome.offset = static_cast<std::uint64_t>(row.integer(4));
    outcome.bytes = static_cast<std::uint32_t>(row.integer(5));
    outcome.checksum = static_cast<std::uint32_t>(row.integer(6));
    found.push_back(std::move(outcome));
  }
}

// Few of them have any.
void add_unreadable(Sql& sql, JobId job, Seq first, std::int64_t end, std::vector<OutcomeRow>& found) {
  auto row =
      sql.query("SELECT seq, why, json FROM unreadable WHERE job = ? AND seq >= ? AND seq < ? AND intact ORDER BY seq",
                job, first, end);
  for (auto outcome = found.begin(); row.step(); ++outcome) {
    outcome = std::ranges::lower_bound(outcome, found.end(), static_cast<Seq>(row.integer(0)), {}, &OutcomeRow::seq);
    if (outcome == found.end() || outcome->seq != row.integer(0)) {
      throw QueueError(fmt::format("database: job {} has an unreadable line and no outcome", job.value));
    }
    outcome->unreadable = Unreadable{row.text(1), row.integer(2) != 0};
  }
}

void add_made(Sql& sql, JobId job, Seq first, std::int64_t end, std::vector<OutcomeRow>& found) {
  // The run that begins before the window may reach into it.
  auto row = sql.query(
      "SELECT first, count, type, result FROM made_outcome WHERE job = ?1 AND first < ?3 AND first >= coalesce((SELECT "
      "max(first) FROM made_outcome WHERE job = ?1 AND first <= ?2), 0) AND intact ORDER BY first",
      job, first, end);
  while (row.step()) {
    const auto begin = std::max<std::int64_t>(row.integer(0), first);
    const auto until = std::min<std::int64_t>(row.integer(0) + row.integer(1), end);
    for (auto seq = begin; seq < until; ++seq) {
      OutcomeRow outcome;
      outcome.seq = static_cast<Seq>(seq);
      outcome.type = parse_outcome_type(row.bytes(2)).value_or(OutcomeType::errored);
      outcome.made_result = row.text(3);
      found.push_back(std::move(outcome));
    }
  }
}

}  // namespace

std::vector<Job> Queue::jobs_to_export() const {
  return read_jobs(*sql_,
                   "WHERE state IN ('queued', 'running', 'held', 'canceling') AND pending + assigned + submitted = 0 "
                   "ORDER BY state = 'held', id LIMIT 100");
}

std::vector<OutcomeRow> Queue::outcomes(JobId job, Seq first, std::uint32_t count) const {
  std::vector<OutcomeRow> found;
  const auto end = std::int64_t{first} + count;
  add_recorded(*sql_, job, first, end, found);
  add_unreadable(*sql_, job, first, end, found);
  const auto recorded = found.size();
  add_made(*sql_, job, first, end, found);
  if (found.size() > recorded && recorded > 0) {
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.seq < b.seq; });
  }
  return found;
}

JobTallies Queue::tallies(JobId job) const {
  JobTallies tallies;
  auto row = sql_->query("SELECT kind, name, n FROM tally WHERE job = ? AND intact", job);
  while (row.step()) {
    auto& map = row.bytes(0) == "stop_reason" ? tallies.stop_reasons
                : row.bytes(0) == "usage"     ? tallies.usage
                                              : tallies.unpriced_models;
    map[row.text(1)] += row.integer(2);
  }
  auto odd = sql_->query("SELECT kind, n FROM oddity WHERE job = ? AND intact", job);
  while (odd.step()) tallies.oddities[odd.text(0)] += odd.integer(1);
  return tallies;
}

std::optional<TakenFile> Queue::taken_file(JobId id) const {
  auto row = sql_->query("SELECT bytes, modified_ns FROM taken_file WHERE job = ? AND intact", id);
  if (!row.step()) return std::nullopt;
  return TakenFile{static_cast<std::uint64_t>(row.integer(0)), row.integer(1)};
}

void Queue::finish_job(JobId id, JobState state, Instant now) {
  if (!finish_jobs({{id, state, now}}).front()) throw QueueError("database: a job cannot finish from its state");
}

std::vector<bool> Queue::finish_jobs(const std::vector<FinishedJob>& jobs) {
  std::vector<bool> finished;
  for (const auto& one : jobs) {
    const auto now = job(one.id);
    finished.push_back(now && may_change(now->state, one.state));
    if (!finished.back()) continue;
    const auto reason = one.changed.empty() ? std::nullopt : std::optional(one.changed);
    sql_->run("UPDATE job SET state = ?2, reason = ?4, next_action_at = NULL, done_at = ?3 WHERE id = ?1", one.id,
              to_text(one.state), one.done_at, reason);
    if (reason) record_change(*sql_, *now, one);
  }
  return finished;
}

void Queue::note_file_changed(JobId id, const std::string& what, Instant now) {
  const auto found = job(id);
  if (!found || found->file_changed) return;
  record_change(*sql_, *found, {id, found->state, now, what});
  // As long as it is open, its reason says what it waits for.
  if (found->done_at) sql_->run("UPDATE job SET reason = ? WHERE id = ?", what, id);
}

std::vector<Job> Queue::jobs(const ListOptions& options) const {
  return read_jobs(*sql_, "WHERE id > ?1 AND (?2 = '' OR state = ?2) ORDER BY id LIMIT ?3", options.after,
                   options.state, options.limit);
}

std::optional<Job> Queue::job(JobId id) const {
  auto found = read_jobs(*sql_, "WHERE id = ?", id);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Queue::Change Queue::cancel_job(JobId id, Instant now) {
  static_cast<void>(now);
  const auto found = job(id);
  if (!found) return Change::no_such_job;
  if (!may_change(found->state, JobState::canceling)) return Change::not_in_this_state;
  set_job_state(*sql_, id, JobState::canceling, "canceled by the operator; what is already sent runs to its end");
  std::vector<RequestRange> waiting;
  {
    auto row = sql_->query("SELECT first, count FROM pending WHERE job = ? AND intact", id);
    while (row.step()) {
      waiting.push_back({id, static_cast<Seq>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1))});
    }
  }
  sql_->run("DELETE FROM pending WHERE job = ?", id);
  for (const auto& run : waiting) {
    make_outcome(*sql_, run, RequestState::pending, OutcomeType::canceled, canceled_result);
  }
  want_cancel_where_only_canceled(*sql_);
  return Change::done;
}

Queue::Change Queue::hold_job(JobId id, const std::string& reason) {
  const auto found = job(id);
  if (!found) return Change::no_such_job;
  if (!may_change(found->state, JobState::held)) return Change::not_in_this_state;
  set_job_state(*sql_, id, JobState::held, reason);
  return Change::done;
}

Queue::Change Queue::release_job(JobId id) {
  const auto found = job(id);
  if (!found) return Change::no_such_job;
  if (found->state != JobState::held) return Change::not_in_this_state;
  const bool begun = found->counts[RequestState::pending] < found->requests;
  set_job_state(*sql_, id, begun ? JobState::running : JobState::queued, std::nullopt);
  // The operator said go on in spite of the cap.
  if (found->max_cost > 0 && found->cost >= found->max_cost) sql_->run("UPDATE job SET max_cost = 0 WHERE id = ?", id);
  return Change::done;
}

void Queue::pause(bool intake, bool submitting, bool paused, Instant now) {
  const auto set = [&](std::string_view name, std::string_view since) {
    const bool was_paused = integer_fact(*sql_, name).value_or(0) != 0;
    if (paused && !was_paused) set_fact(*sql_, since, to_millis(now));
    set_fact(*sql_, name, paused);
  };
  if (intake) set("intake_paused", "intake_paused_since");
  if (submitting) set("submitting_paused", "submitting_paused_since");
}

bool Queue::intake_paused() const { return integer_fact(*sql_, "intake_paused").value_or(0) != 0; }

std::uint64_t Queue::changes() const { return static_cast<std::uint64_t>(sqlite3_total_changes64(sql_->connection())); }

// Reads no row of a job that is done: it costs what is open, and a row for 4,096 jobs. A damaged job is noticed by
// whoever uses its row, by the check at the next start and by the audit, which also proves the totals.
Status Queue::status(Instant now) const {
  Status status;
  {
    auto row = sql_->query(
        "SELECT coalesce(sum(pending), 0), coalesce(sum(assigned), 0), coalesce(sum(submitted), 0), "
        "coalesce(sum(succeeded), 0), coalesce(sum(errored), 0), coalesce(sum(expired), 0), "
        "coalesce(sum(canceled), 0), coalesce(sum(jobs_open), 0) FROM job_total WHERE intact");
    row.step();
    for (int i = 0; i < 7; ++i) status.counts.by_state[static_cast<std::size_t>(i)] = row.integer(i);
    status.jobs_open = row.integer(7);
  }
  const auto count = [this](std::string_view text) {
    auto row = sql_->query(text);
    row.step();
    return row.integer(0);
  };
  // The condition of the index, word for word, and then what is wanted of it: SQLite would not see that it may use it.
  status.open_batches = count(
      "SELECT count(*) FROM batch WHERE state <> 'collected' AND state IN ('in_progress', 'canceling') AND intact");
  status.unknown_intents = count(
      "SELECT count(*) FROM intent WHERE state IN ('uploading', 'committing', 'unknown') AND state <> 'uploading' AND "
      "intact");
  status.intakes = count("SELECT count(*) FROM intake WHERE intact AND state <> 'rejected'");
  status.account = account();
  status.delay = create_delay();
  status.submitting_paused = integer_fact(*sql_, "submitting_paused").value_or(0) != 0;
  status.intake_paused = intake_paused();
  status.unexplained = unexplained();
  status.strangers_seen = count("SELECT count(*) FROM unexplained WHERE intact AND state = 'seen'");
  if (status.strangers_seen > 0) status.strangers = strangers(strangers_shown);
  read_unseen(*sql_, status);
  status.held = read_jobs(*sql_, "WHERE state = 'held' AND coalesce(reason, '') NOT IN (?1, ?2) ORDER BY id LIMIT 20",
                          held_by_operator, held_by_options);
  read_waits(*sql_, status, now);
  auto row = sql_->query("SELECT cost FROM spent WHERE day = ? AND intact", to_millis(now) / 86'400'000);
  if (row.step()) status.spent_today = row.integer(0);
  return status;
}

}  // namespace offpeak
