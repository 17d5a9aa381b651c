// The end of a batch: collected, to be tried again, or lost. Its lines are recorded in recording.cpp.
#include <fmt/format.h>

#include "base/backoff.hpp"
#include "queue/moves.hpp"

namespace offpeak {

namespace {

// The attempts of one batch that go again, in order, one run for what lies together and waits for the same.
class Returns {
 public:
  Returns(Sql& sql, const CollectRules& rules, Instant now) : sql_(sql), rules_(rules), now_(now) {}

  void add(const Assignment& assignment, Seq seq, std::string_view action) {
    PendingRange pending;
    pending.range = {assignment.range.job, seq, 1};
    pending.attempts = assignment.attempts + (action == "another" ? 1 : 0);
    pending.since = now_;
    if (action == "another") {
      const auto tries = static_cast<int>(pending.attempts);
      pending.not_before = now_ + backoff(rules_.backoff, rules_.max_backoff, tries, rules_.jitter);
    }
    ++count_;
    const bool joins = run_ && run_->range.job == pending.range.job && run_->range.first + run_->range.count == seq &&
                       run_->attempts == pending.attempts && run_->not_before == pending.not_before;
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
  Sql& sql_;
  const CollectRules& rules_;
  Instant now_;
  std::optional<PendingRange> run_;
  std::uint64_t count_ = 0;
};

void give_attempts_back(Sql& sql, BatchId id, const std::vector<Assignment>& assignments, Returns& returns) {
  struct Again {
    Seq seq;
    std::string action;
  };
  for (const auto& assignment : assignments) {
    std::vector<Again> again;
    {
      auto row = sql.query(
          "SELECT seq, action FROM attempt WHERE batch = ? AND job = ? AND seq >= ? AND seq < ? AND intact ORDER BY "
          "seq",
          id, assignment.range.job, assignment.range.first,
          std::int64_t{assignment.range.first} + assignment.range.count);
      while (row.step()) again.push_back({static_cast<Seq>(row.integer(0)), row.text(1)});
    }
    for (const auto& one : again) returns.add(assignment, one.seq, one.action);
  }
  returns.flush();
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
  Transaction transaction(*sql_);
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
    return collected;
  }
  Returns returns(*sql_, rules, now);
  if (ended->twin) {
    end_twin(*sql_, ended->intent, now);
  } else {
    hold_jobs_canceled_elsewhere(*sql_, *ended);
    give_attempts_back(*sql_, id, assignments, returns);
  }
  sql_->run(
      "UPDATE batch SET state = 'collected', collected_at = ?2, reason = NULL, next_action_at = NULL WHERE id = ?1", id,
      now);
  hold_for_twins(*sql_, now);
  transaction.commit();
  collected.complete = true;
  collected.again = returns.count();
  return collected;
}

void Queue::collect_failed(BatchId id, const std::string& reason, Instant next_action_at) {
  sql_->run(
      "UPDATE batch SET failures = failures + 1, reason = ?2, next_action_at = ?3 WHERE id = ?1 AND state = 'ended'",
      id, reason, next_action_at);
}

Collected Queue::results_lost(BatchId id, const std::string& result, Instant now) {
  Transaction transaction(*sql_);
  const auto lost = batch(id);
  if (!lost || lost->state == BatchState::collected) throw QueueError("database: a batch to give up is collected");
  Collected collected;
  collected.complete = true;
  if (lost->twin) end_twin(*sql_, lost->intent, now);
  const auto assignments = lost->twin ? std::vector<Assignment>() : read_assignments(*sql_, lost->intent);
  for (const auto& assignment : assignments) {
    std::vector<RequestRange> missing;
    Seq next = assignment.range.first;
    const Seq end = next + assignment.range.count;
    {
      auto row = sql_->query(
          "SELECT seq FROM (SELECT seq FROM outcome WHERE job = ?1 AND seq >= ?2 AND seq < ?3 AND intact UNION ALL "
          "SELECT seq "
          "FROM "
          "attempt WHERE job = ?1 AND seq >= ?2 AND seq < ?3 AND batch = ?4 AND intact) ORDER BY seq",
          assignment.range.job, next, end, id);
      while (row.step()) {
        const auto seq = static_cast<Seq>(row.integer(0));
        if (seq > next) missing.push_back({assignment.range.job, next, seq - next});
        next = seq + 1;
      }
    }
    if (next < end) missing.push_back({assignment.range.job, next, end - next});
    for (const auto& run : missing) {
      make_outcome(*sql_, run, RequestState::submitted, OutcomeType::errored, result);
      collected.missing += run.count;
    }
    collected.jobs.push_back(assignment.range.job);
  }
  CollectRules rules;
  Returns returns(*sql_, rules, now);
  give_attempts_back(*sql_, id, assignments, returns);
  sql_->run("UPDATE batch SET state = 'collected', collected_at = ?2, reason = 'results lost' WHERE id = ?1", id, now);
  hold_for_twins(*sql_, now);
  transaction.commit();
  return collected;
}

void Queue::prove_batch(BatchId id) { sql_->run("UPDATE batch SET proven = 1 WHERE id = ?", id); }

}  // namespace offpeak
