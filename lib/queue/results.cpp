// The end of a batch: collected, to be tried again, or lost. Its lines are recorded in recording.cpp.
#include <fmt/format.h>

#include "base/backoff.hpp"
#include "model/limits.hpp"
#include "queue/moves.hpp"

namespace offpeak {

namespace {

// Where all of a batch failed alike, so many of its requests go again first, alone.
constexpr std::uint32_t probe_requests = 10;
// The others wait for that batch with this bound, which is none: so they are known.
constexpr std::uint32_t behind_probe = batch_requests_max;
constexpr std::string_view failed_alike = "all requests of its last batch failed alike";

// The attempts of one batch that go again, in order, one run for what lies together and waits for the same.
class Returns {
 public:
  Returns(Sql& sql, const CollectRules& rules, Instant now) : sql_(sql), rules_(rules), now_(now) {}

  void probe_first() { probing_ = true; }

  void add(const Assignment& assignment, Seq seq, std::string_view action) {
    PendingRange pending;
    pending.range = {assignment.range.job, seq, 1};
    pending.attempts = assignment.attempts + (action == "another" ? 1 : 0);
    pending.since = now_;
    if (action == "another") {
      const auto tries = static_cast<int>(pending.attempts);
      pending.not_before = now_ + backoff(rules_.backoff, rules_.max_backoff, tries, rules_.jitter);
    }
    if (probing_) put_behind_probe(pending);
    ++count_;
    const bool joins = run_ && run_->most_together == pending.most_together && run_->range.job == pending.range.job &&
                       run_->range.first + run_->range.count == seq && run_->attempts == pending.attempts &&
                       run_->not_before == pending.not_before;
    if (joins) {
      ++run_->range.count;
    } else {
      flush();
      run_ = pending;
    }
  }

  void flush() {
    if (run_) give_back(sql_, *run_, RequestState::submitted);
    run_.reset();
  }

  std::uint64_t count() const { return count_; }

 private:
  void put_behind_probe(PendingRange& pending) const {
    pending.most_together = count_ < probe_requests ? probe_requests : behind_probe;
    // Longer than a batch lives, should nobody tell.
    if (count_ >= probe_requests) pending.not_before = now_ + audit_time;
  }

  Sql& sql_;
  const CollectRules& rules_;
  Instant now_;
  bool probing_ = false;
  std::optional<PendingRange> run_;
  std::uint64_t count_ = 0;
};

struct Attempt {
  Seq seq = 0;
  std::string action;
};

std::vector<Attempt> attempts_in(Sql& sql, BatchId id, RequestRange range) {
  std::vector<Attempt> found;
  auto row = sql.query(
      "SELECT seq, action FROM attempt WHERE batch = ? AND job = ? AND seq >= ? AND seq < ? AND intact ORDER BY seq",
      id, range.job, range.first, std::int64_t{range.first} + range.count);
  while (row.step()) found.push_back({static_cast<Seq>(row.integer(0)), row.text(1)});
  return found;
}

void give_attempts_back(Sql& sql, BatchId id, const std::vector<Assignment>& assignments, Returns& returns) {
  for (const auto& assignment : assignments) {
    for (const auto& one : attempts_in(sql, id, assignment.range)) returns.add(assignment, one.seq, one.action);
  }
  returns.flush();
}

// What may have been paid for all the same is not sent again. Returns how many.
std::uint64_t end_attempts(Sql& sql, BatchId id, const std::vector<Assignment>& assignments,
                           const std::string& result) {
  std::uint64_t ended = 0;
  for (const auto& assignment : assignments) {
    std::int64_t of_job = 0;
    for (const auto& one : attempts_in(sql, id, assignment.range)) {
      for (const auto& run : without_outcomes(sql, {assignment.range.job, one.seq, 1})) {
        make_outcome(sql, run, RequestState::submitted, OutcomeType::errored, result);
        ++of_job;
      }
    }
    add_oddity(sql, assignment.range.job, id, doubted_error_type, of_job);
    ended += static_cast<std::uint64_t>(of_job);
  }
  return ended;
}

// The runs of an assignment of which this batch has recorded no line, and nobody an outcome.
std::vector<RequestRange> without_lines(Sql& sql, BatchId id, const Assignment& assignment) {
  std::vector<RequestRange> missing;
  Seq next = assignment.range.first;
  const Seq end = next + assignment.range.count;
  const auto add_up_to = [&](Seq seq) {
    if (seq > next) missing.push_back({assignment.range.job, next, seq - next});
  };
  auto row = sql.query(
      "SELECT seq FROM (SELECT seq FROM outcome WHERE job = ?1 AND seq >= ?2 AND seq < ?3 AND intact UNION ALL SELECT "
      "seq FROM attempt WHERE job = ?1 AND seq >= ?2 AND seq < ?3 AND batch = ?4 AND intact) ORDER BY seq",
      assignment.range.job, next, end, id);
  while (row.step()) {
    const auto seq = static_cast<Seq>(row.integer(0));
    add_up_to(seq);
    next = std::max(next, seq + 1);
  }
  add_up_to(end);
  return missing;
}

// They become errored with that result. Returns how many.
std::uint64_t end_missing(Sql& sql, BatchId id, const std::vector<Assignment>& assignments, const std::string& result,
                          std::string_view kind) {
  std::uint64_t ended = 0;
  for (const auto& assignment : assignments) {
    std::int64_t of_job = 0;
    for (const auto& run : without_lines(sql, id, assignment)) {
      make_outcome(sql, run, RequestState::submitted, OutcomeType::errored, result);
      of_job += run.count;
    }
    if (!kind.empty()) add_oddity(sql, assignment.range.job, id, kind, of_job);
    ended += static_cast<std::uint64_t>(of_job);
  }
  return ended;
}

// Of what is recorded of a batch; a request that another batch answered is in neither.
TypeCounts recorded_by_type(Sql& sql, BatchId id, const std::vector<Assignment>& assignments) {
  TypeCounts counts{};
  const auto add = [&](Statement row) {
    while (row.step()) {
      const auto type = parse_outcome_type(row.bytes(0)).value_or(OutcomeType::errored);
      counts[static_cast<std::size_t>(type)] += row.integer(1);
    }
  };
  for (const auto& assignment : assignments) {
    const auto& range = assignment.range;
    add(
        sql.query("SELECT type, count(*) FROM outcome WHERE job = ? AND seq >= ? AND seq < ? AND batch = ? AND intact "
                  "GROUP BY type",
                  range.job, range.first, std::int64_t{range.first} + range.count, id));
  }
  add(sql.query("SELECT type, count(*) FROM attempt WHERE batch = ? AND intact GROUP BY type", id));
  return counts;
}

// What all lines of a batch say, where they all say the same that passes; nothing otherwise.
std::optional<std::string> alike(Sql& sql, BatchId id, std::int64_t wanted) {
  auto row = sql.query(
      "SELECT count(*), min(type), min(error_type), count(DISTINCT type || ' ' || error_type) FROM attempt WHERE batch "
      "= ? AND action = 'another' AND intact",
      id);
  row.step();
  if (row.integer(0) != wanted || row.integer(3) != 1) return std::nullopt;
  return row.bytes(2).empty() ? row.text(1) : row.text(2);
}

// Those behind a probe wait for it, or go: its batch says which. False where there are none.
bool change_behind_probe(Sql& sql, JobId job, bool go, Instant now) {
  std::vector<PendingRange> waiting;
  {
    auto row =
        sql.query("SELECT first, count FROM pending WHERE job = ? AND most_together = ? AND not_before > ? AND intact",
                  job, behind_probe, now);
    while (row.step()) {
      PendingRange run;
      run.range = {job, static_cast<Seq>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1))};
      waiting.push_back(run);
    }
  }
  for (const auto& run : waiting) {
    auto changed = take_pending(sql, run.range);
    changed.not_before = go ? now : now + audit_time;
    if (go) changed.most_together = 0;
    add_pending(sql, changed);
  }
  return !waiting.empty();
}

// All of a batch failed alike with what passes: whatever it is, it is tried with a few before the rest goes into it.
void look_at_alike(Sql& sql, const Batch& batch, std::int64_t wanted, const std::vector<JobId>& jobs, Returns& returns,
                   Instant now) {
  const auto error = alike(sql, batch.id, wanted);
  bool behind = false;
  for (const auto job : jobs) behind = change_behind_probe(sql, job, !error, now) || behind;
  const bool probe = error && (behind || wanted > probe_requests);
  if (probe) returns.probe_first();
  for (const auto job : jobs) {
    if (probe) {
      sql.run("UPDATE job SET reason = ?2 WHERE id = ?1 AND state IN ('queued', 'running')", job,
              fmt::format("{} ({}, batch {}): a few are tried again before the others go", failed_alike, *error,
                          batch.provider_id));
    } else {
      sql.run(
          "UPDATE job SET reason = NULL WHERE id = ?1 AND state IN ('queued', 'running') AND substr(reason, 1, ?2) = "
          "?3",
          job, static_cast<std::int64_t>(failed_alike.size()), failed_alike);
    }
  }
}

// Jobs with a request that somebody else canceled need a human: it may have been meant. What the operator had canceled
// here was settled with that word.
void hold_jobs_canceled_elsewhere(Sql& sql, const Batch& batch) {
  std::vector<JobId> jobs;
  {
    auto row = sql.query("SELECT 1 FROM batch WHERE id = ? AND intact AND cancel_state <> 'no'", batch.id);
    if (row.step()) return;
  }
  {
    auto row =
        sql.query("SELECT DISTINCT job FROM attempt WHERE batch = ? AND intact AND action = 'hold_again'", batch.id);
    while (row.step()) jobs.push_back(JobId{row.integer(0)});
  }
  for (const auto job : jobs) {
    const auto state = job_state(sql, job);
    if (state != JobState::queued && state != JobState::running) continue;
    set_job_state(sql, job, JobState::held,
                  fmt::format("batch {} was canceled outside offpeak; `offpeak release {}` sends its requests again, "
                              "`offpeak cancel {}` ends the job",
                              batch.provider_id, job.value, job.value));
  }
}

}  // namespace

std::uint32_t Queue::begin_download(BatchId id) {
  sql_->run("UPDATE batch SET downloads = downloads + 1 WHERE id = ?", id);
  auto row = sql_->query("SELECT downloads FROM batch WHERE id = ? AND intact", id);
  if (!row.step()) throw QueueError("database: a batch vanished");
  return static_cast<std::uint32_t>(row.integer(0));
}

Collected Queue::collect(BatchId id, const CollectRules& rules, Instant now) {
  const auto ended = batch(id);
  if (!ended || ended->state != BatchState::ended) throw QueueError("database: a batch to collect has not ended");
  const auto assignments = read_assignments(*sql_, ended->intent);
  std::int64_t there = attempts_of(*sql_, id);
  std::int64_t wanted = 0;  // of a claimed batch it may be less than the provider counts
  Collected collected;
  for (const auto& assignment : assignments) {
    wanted += assignment.range.count;
    if (!ended->twin) there += outcomes_in(*sql_, assignment.range);
    if (collected.jobs.empty() || collected.jobs.back() != assignment.range.job) {
      collected.jobs.push_back(assignment.range.job);
    }
  }
  if (there < wanted) {
    collected.missing = static_cast<std::uint64_t>(wanted - there);
    if (rules.missing_result.empty()) return collected;
  }
  Returns returns(*sql_, rules, now);
  if (ended->twin) {
    end_twin(*sql_, ended->intent, now);
  } else {
    if (!rules.missing_result.empty()) {
      end_missing(*sql_, id, assignments, rules.missing_result, missing_error_type);
    }
    if (!rules.doubted_result.empty()) {
      collected.doubted = end_attempts(*sql_, id, assignments, rules.doubted_result);
    } else {
      look_at_alike(*sql_, *ended, wanted, collected.jobs, returns, now);
      hold_jobs_canceled_elsewhere(*sql_, *ended);
      give_attempts_back(*sql_, id, assignments, returns);
    }
  }
  sql_->run("UPDATE batch SET state = 'collected', collected_at = ?2, reason = ?3, next_action_at = NULL WHERE id = ?1",
            id, now, rules.reason.empty() ? std::optional<std::string>() : std::optional(rules.reason));
  if (rules.account_was_well) {
    clear_fact(*sql_, "account_row_tries");
    clear_fact(*sql_, "account_row_batch");
  }
  hold_for_twins(*sql_, now);
  collected.complete = true;
  collected.again = returns.count();
  return collected;
}

void Queue::collect_failed(BatchId id, const std::string& reason, Instant next_action_at) {
  sql_->run(
      "UPDATE batch SET failures = failures + 1, reason = ?2, next_action_at = ?3 WHERE id = ?1 AND state = 'ended'",
      id, reason, next_action_at);
}

Collected Queue::results_lost(BatchId id, const std::string& result, const std::string& doubted_result, Instant now) {
  const auto lost = batch(id);
  if (!lost || lost->state == BatchState::collected) throw QueueError("database: a batch to give up is collected");
  Collected collected;
  collected.complete = true;
  if (lost->twin) end_twin(*sql_, lost->intent, now);
  const auto assignments = lost->twin ? std::vector<Assignment>() : read_assignments(*sql_, lost->intent);
  for (const auto& assignment : assignments) collected.jobs.push_back(assignment.range.job);
  const TypeCounts told{lost->succeeded, lost->errored, lost->expired, lost->canceled};
  if (may_hide_a_success(told, recorded_by_type(*sql_, id, assignments), lost->requests)) {
    collected.doubted = end_attempts(*sql_, id, assignments, doubted_result);
  }
  collected.missing = end_missing(*sql_, id, assignments, result, "");
  const CollectRules rules;
  Returns returns(*sql_, rules, now);
  if (collected.doubted == 0) give_attempts_back(*sql_, id, assignments, returns);
  sql_->run("UPDATE batch SET state = 'collected', collected_at = ?2, reason = 'results lost' WHERE id = ?1", id, now);
  hold_for_twins(*sql_, now);
  return collected;
}

int Queue::count_account_fault(BatchId id) {
  auto tries = integer_fact(*sql_, "account_row_tries").value_or(0);
  if (integer_fact(*sql_, "account_row_batch").value_or(0) != id.value) ++tries;
  set_fact(*sql_, "account_row_tries", tries);
  set_fact(*sql_, "account_row_batch", id.value);
  return static_cast<int>(tries);
}

std::map<Seq, std::uint32_t> Queue::account_tries(RequestRange range) const {
  std::map<Seq, std::uint32_t> tries;
  auto row = sql_->query(
      "SELECT a.seq, count(*), max(b.succeeded) FROM attempt a JOIN batch b ON b.id = a.batch WHERE a.job = ?1 AND "
      "a.seq >= ?2 AND a.seq < ?3 AND a.action = 'account_again' AND b.state = 'collected' AND a.intact AND b.intact "
      "GROUP BY a.seq",
      range.job, range.first, std::int64_t{range.first} + range.count);
  while (row.step()) {
    if (row.integer(2) > 0) tries[static_cast<Seq>(row.integer(0))] = static_cast<std::uint32_t>(row.integer(1));
  }
  return tries;
}

void Queue::prove_batch(BatchId id) { sql_->run("UPDATE batch SET proven = 1 WHERE id = ?", id); }

}  // namespace offpeak
