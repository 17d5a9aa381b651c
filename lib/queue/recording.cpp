// Result lines become outcomes and attempts, idempotently: a line that is known already changes nothing.
#include <algorithm>
#include <map>
#include <span>

#include "queue/moves.hpp"
#include "queue/waiting.hpp"

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
  std::map<JobId, std::int64_t> unreadable;

  void add(const ResultRow& row) {
    const auto job = row.request.job;
    ++outcomes[{job, row.type}];
    costs[job] += row.cost;
    if (!row.stop_reason.empty()) ++tallies[{job, "stop_reason", row.stop_reason}];
    if (!row.model.empty()) ++tallies[{job, "unpriced_model", row.model}];
    if (row.unreadable) ++unreadable[job];
    const auto& usage = row.usage;
    add_usage(job, "input_tokens", usage.input_tokens);
    add_usage(job, "output_tokens", usage.output_tokens);
    add_usage(job, "cache_creation_input_tokens",
              usage.cache_creation_5m_input_tokens + usage.cache_creation_1h_input_tokens);
    add_usage(job, "cache_read_input_tokens", usage.cache_read_input_tokens);
    add_usage(job, "web_search_requests", usage.web_search_requests);
  }

  // `move_counters`: the requests come from `submitted`; of a twin they have been moved one by one.
  void write(Sql& sql, BatchId batch, Instant now, bool move_counters) const {
    Nanodollars spent = 0;
    for (const auto& [job, n] : unreadable) add_oddity(sql, job, batch, unreadable_error_type, n);
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
    std::int64_t unpriced = 0;
    for (const auto& [key, n] : tallies) {
      const auto& [job, kind, name] = key;
      if (kind == "unpriced_model") unpriced += n;
      sql.run("INSERT INTO tally VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", job, kind, name, n);
    }
    add_unpriced(sql, unpriced, now);
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

// Rows of one statement: SQLite goes down the tree once for all of them.
constexpr std::size_t rows_together = 64;

std::string insert_outcomes(std::size_t rows) {
  std::string sql = "INSERT OR IGNORE INTO outcome VALUES ";
  for (std::size_t i = 0; i < rows; ++i) sql += i == 0 ? "(?, ?, ?, ?, ?, ?, ?, ?)" : ", (?, ?, ?, ?, ?, ?, ?, ?)";
  return sql;
}

// The lines of one transaction, of a batch that is not a twin.
class Recording {
 public:
  Recording(Sql& sql, BatchId batch, std::uint32_t download, Instant now)
      : sql_(sql), batch_(batch), download_(download), now_(now) {}

  // How many of the rows were new; all at once, so nobody knows which. They are all outcomes.
  std::uint64_t add_outcomes(std::span<const ResultRow* const> rows) {
    static const auto many = insert_outcomes(rows_together);
    static const auto one = insert_outcomes(1);
    std::uint64_t added = 0;
    while (!rows.empty()) {
      const auto count = rows.size() < rows_together ? 1 : rows_together;
      auto statement = sql_.query(count == 1 ? one : many);
      int parameter = 0;
      for (const auto* row : rows.first(count)) bind(statement, parameter, *row);
      statement.run();
      added += static_cast<std::uint64_t>(sqlite3_changes64(sql_.connection()));
      rows = rows.subspan(count);
    }
    return added;
  }

  BatchId batch() const { return batch_; }

  // Why its outcome is the whole line as it came.
  void add_unreadable(const ResultRow& row) {
    if (!row.unreadable) return;
    sql_.run("INSERT INTO unreadable VALUES (?, ?, ?, ?, ?)", row.request.job, row.request.first, batch_,
             row.unreadable->is_json, row.unreadable->why);
  }

  // A line that asks for another attempt; false where its request has an outcome or the attempt is known.
  bool add_attempt(const ResultRow& row) {
    return sql_.run(
               "INSERT OR IGNORE INTO attempt SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM "
               "outcome WHERE job = ?2 AND seq = ?3)",
               batch_, row.request.job, row.request.first, to_text(row.type), action_text(row.action), row.error_type,
               now_) != 0;
  }

  // A final line beats one that asked for another attempt: what was paid for is not sent again.
  void remove_attempt(const ResultRow& row) {
    sql_.run("DELETE FROM attempt WHERE batch = ? AND job = ? AND seq = ?", batch_, row.request.job, row.request.first);
  }

 private:
  void bind(Statement& statement, int& parameter, const ResultRow& row) const {
    statement.set(++parameter, row.request.job);
    statement.set(++parameter, row.request.first);
    statement.set(++parameter, to_text(row.type));
    statement.set(++parameter, batch_);
    statement.set(++parameter, download_);
    statement.set(++parameter, row.offset);
    statement.set(++parameter, row.bytes);
    statement.set(++parameter, row.checksum);
  }

  Sql& sql_;
  BatchId batch_;
  std::uint32_t download_;
  Instant now_;
};

bool is_outcome(const ResultRow& row) { return row.action == ResultAction::outcome; }

// Nearly always nothing of it is known yet, and then that many rows need few statements. False, with nothing recorded,
// where some line is known.
bool record_as_new(Sql& sql, Recording& recording, const std::vector<ResultRow>& rows, Instant now) {
  Savepoint savepoint(sql);
  std::vector<const ResultRow*> outcomes;
  outcomes.reserve(rows.size());
  Sums sums;
  for (const auto& row : rows) {
    if (!is_outcome(row)) continue;
    outcomes.push_back(&row);
    sums.add(row);
  }
  auto added = recording.add_outcomes(outcomes);
  for (const auto& row : rows) {
    if (!is_outcome(row) && recording.add_attempt(row)) ++added;
  }
  if (added != rows.size()) return false;
  for (const auto* row : outcomes) recording.add_unreadable(*row);
  sums.write(sql, recording.batch(), now, true);
  savepoint.keep();
  return true;
}

RecordedResults record_one_by_one(Sql& sql, Recording& recording, const std::vector<ResultRow>& rows, Instant now) {
  RecordedResults recorded;
  Sums sums;
  for (const auto& row : rows) {
    const auto* one = &row;
    const bool added = is_outcome(row) ? recording.add_outcomes({&one, 1}) != 0 : recording.add_attempt(row);
    if (added && is_outcome(row)) {
      sums.add(row);
      recording.add_unreadable(row);
      recording.remove_attempt(row);
    }
    (added ? recorded.recorded : recorded.known) += 1;
  }
  sums.write(sql, recording.batch(), now, true);
  return recorded;
}

RecordedResults record_twin(Sql& sql, BatchId id, std::uint32_t download, const std::vector<ResultRow>& rows,
                            Instant now) {
  RecordedResults recorded;
  Sums sums;
  for (const auto& row : rows) {
    const bool added = record_twin_row(sql, id, download, row, now);
    if (added) sums.add(row);
    (added ? recorded.recorded : recorded.known) += 1;
  }
  sums.write(sql, id, now, false);
  return recorded;
}

}  // namespace

RecordedResults Queue::record_results(BatchId id, std::uint32_t download, const std::vector<ResultRow>& rows,
                                      Instant now) {
  const auto recording = batch(id);
  if (recording && recording->twin) return record_twin(*sql_, id, download, rows, now);
  Recording lines(*sql_, id, download, now);
  if (attempts_of(*sql_, id) == 0 && record_as_new(*sql_, lines, rows, now)) {
    return {.recorded = rows.size(), .known = 0};
  }
  return record_one_by_one(*sql_, lines, rows, now);
}

}  // namespace offpeak
