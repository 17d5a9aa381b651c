// Results' verbs: outcomes recorded idempotently, and the end of a batch.
#include <fmt/format.h>

#include <map>

#include "base/backoff.hpp"
#include "queue/moves.hpp"

namespace offpeak {

namespace {

std::string_view action_text(ResultAction action) {
  switch (action) {
    case ResultAction::outcome:
      return "outcome";
    case ResultAction::another:
      return "another";
    case ResultAction::account_again:
      return "account_again";
    case ResultAction::hold_again:
      return "hold_again";
  }
  return "";
}

// What one transaction of results adds to the sums of each job.
struct Sums {
  std::map<std::pair<JobId, OutcomeType>, std::int64_t> outcomes;
  std::map<JobId, Nanodollars> costs;
  std::map<std::tuple<JobId, std::string_view, std::string>, std::int64_t> tallies;

  void add(const ResultRow& row) {
    const auto job = row.request.job;
    ++outcomes[{job, row.type}];
    costs[job] += row.cost;
    if (!row.stop_reason.empty()) ++tallies[{job, "stop_reason", row.stop_reason}];
    if (!row.model.empty()) ++tallies[{job, "unpriced_model", row.model}];
    if (row.type != OutcomeType::succeeded) return;
    const auto& usage = row.usage;
    add_usage(job, "input_tokens", usage.input_tokens);
    add_usage(job, "output_tokens", usage.output_tokens);
    add_usage(job, "cache_creation_input_tokens",
              usage.cache_creation_5m_input_tokens + usage.cache_creation_1h_input_tokens);
    add_usage(job, "cache_read_input_tokens", usage.cache_read_input_tokens);
    add_usage(job, "web_search_requests", usage.web_search_requests);
  }

  // `move_counters`: the requests come from `submitted`; of a twin they have been moved one by one.
  void write(Sql& sql, Instant now, bool move_counters) const {
    Nanodollars spent = 0;
    for (const auto& [key, count] : outcomes) {
      if (!move_counters) break;
      move_requests(sql, key.first, RequestState::submitted, as_request_state(key.second), count);
    }
    for (const auto& [job, cost] : costs) {
      if (cost == 0) continue;
      sql.run("UPDATE job SET cost = cost + ?2 WHERE id = ?1", job, cost);
      spent += cost;
      hold_over_its_cap(sql, job);
    }
    for (const auto& [key, n] : tallies) {
      const auto& [job, kind, name] = key;
      sql.run("INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", job, kind, name, n);
    }
    if (spent == 0) return;
    sql.run("INSERT INTO spent VALUES (?, ?) ON CONFLICT DO UPDATE SET cost = cost + excluded.cost",
            to_millis(now) / 86'400'000, spent);
  }

 private:
  void add_usage(JobId job, const char* name, std::int64_t n) {
    if (n != 0) tallies[{job, "usage", name}] += n;
  }

  static void hold_over_its_cap(Sql& sql, JobId job) {
    sql.run(
        "UPDATE job SET state = 'held', reason = 'max_cost_usd is reached; `offpeak release` goes on' WHERE id = ? AND "
        "state IN ('queued', 'running') AND max_cost > 0 AND cost >= max_cost AND pending > 0",
        job);
  }
};

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

std::int64_t attempts_of(Sql& sql, BatchId id) {
  auto row = sql.query("SELECT count(*) FROM attempt WHERE batch = ? AND intact", id);
  row.step();
  return row.integer(0);
}

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

namespace {

// Where a request is that has no outcome: in `pending`, or with an intent that is on its way, or with a batch. Nothing
// where offpeak has made its outcome already.
std::optional<RequestState> whereabouts(Sql& sql, RequestRange request) {
  if (!pending_in(sql, request).empty()) return RequestState::pending;
  auto row = sql.query(
      "SELECT i.state FROM assignment a JOIN intent i ON i.id = a.intent LEFT JOIN batch b ON b.intent = i.id WHERE "
      "a.job = ?1 AND a.intact AND i.intact AND coalesce(b.intact, 1) AND a.first <= ?2 AND a.first + a.count > ?2 AND "
      "(i.state IN ('uploading', 'committing', 'unknown') "
      "OR (i.state = 'created' AND b.state <> 'collected'))",
      request.job, request.first);
  if (!row.step()) return std::nullopt;
  return row.bytes(0) == "created" ? RequestState::submitted : RequestState::assigned;
}

// One line of a late twin: what it paid for becomes the outcome, wherever its request is by now.
bool record_twin_row(Sql& sql, BatchId id, std::uint32_t download, const ResultRow& row, Instant now) {
  const auto& request = row.request;
  const auto first = sql.run("INSERT OR IGNORE INTO attempt VALUES (?, ?, ?, ?, 'twin', ?, ?)", id, request.job,
                             request.first, to_text(row.type), row.error_type, now);
  if (first == 0 || row.type != OutcomeType::succeeded || outcomes_in(sql, request) > 0) return false;
  const auto from = whereabouts(sql, request);
  if (!from) return false;
  if (*from == RequestState::pending) take_pending(sql, request);
  sql.run("INSERT INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?)", request.job, request.first, to_text(row.type), id,
          download, row.offset, row.bytes, row.checksum);
  sql.run("DELETE FROM attempt WHERE job = ? AND seq = ? AND action <> 'twin'", request.job, request.first);
  move_requests(sql, request.job, *from, RequestState::succeeded, 1);
  return true;
}

}  // namespace

RecordedResults Queue::record_results(BatchId id, std::uint32_t download, const std::vector<ResultRow>& rows,
                                      Instant now) {
  Transaction transaction(*sql_);
  RecordedResults recorded;
  Sums sums;
  bool attempts_there = attempts_of(*sql_, id) > 0;
  const auto recording = batch(id);
  const bool twin = recording && recording->twin;
  for (const auto& row : rows) {
    const auto& request = row.request;
    std::int64_t inserted = 0;
    if (twin) {
      inserted = record_twin_row(*sql_, id, download, row, now) ? 1 : 0;
      if (inserted != 0) sums.add(row);
    } else if (row.action == ResultAction::outcome) {
      inserted = sql_->run("INSERT OR IGNORE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?)", request.job, request.first,
                           to_text(row.type), id, download, row.offset, row.bytes, row.checksum);
      if (inserted != 0) sums.add(row);
      // A final line beats one that asked for another attempt: what was paid for is not sent again.
      if (inserted != 0 && attempts_there) {
        sql_->run("DELETE FROM attempt WHERE batch = ? AND job = ? AND seq = ?", id, request.job, request.first);
      }
    } else {
      inserted = sql_->run(
          "INSERT OR IGNORE INTO attempt SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM outcome "
          "WHERE job = ?2 AND seq = ?3)",
          id, request.job, request.first, to_text(row.type), action_text(row.action), row.error_type, now);
      attempts_there = attempts_there || inserted != 0;
    }
    (inserted != 0 ? recorded.recorded : recorded.known) += 1;
  }
  sums.write(*sql_, now, !twin);
  transaction.commit();
  return recorded;
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
  if (!lost || lost->state != BatchState::ended) throw QueueError("database: a batch to give up has not ended");
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
