#include "sim/look.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>

namespace offpeak::simtest {

namespace {

using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)>;

void each_row(sqlite3* db, const char* sql, const std::function<void(sqlite3_stmt*)>& take) {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &made, nullptr) != SQLITE_OK) {
    throw std::runtime_error(fmt::format("the judge cannot look: {}: {}", sqlite3_errmsg(db), sql));
  }
  const Statement statement(made, &sqlite3_finalize);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(made)) == SQLITE_ROW) take(made);
  if (code != SQLITE_DONE) throw std::runtime_error(fmt::format("the judge cannot look: {}", sqlite3_errmsg(db)));
}

std::string text_of(sqlite3_stmt* row, int column) {
  const auto* text = sqlite3_column_text(row, column);
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

enum Place : std::uint8_t { nowhere, pending, assigned, submitted, succeeded, errored, expired, canceled };
constexpr std::array<const char*, 8> place_names{"nowhere",   "pending", "assigned", "submitted",
                                                 "succeeded", "errored", "expired",  "canceled"};

Place place_of(const std::string& name) {
  for (std::size_t i = 0; i < place_names.size(); ++i) {
    if (name == place_names[i]) return static_cast<Place>(i);
  }
  return nowhere;
}

struct JobPlaces {
  std::array<std::int64_t, 8> counted{};
  std::vector<Place> places;
};

class Look {
 public:
  explicit Look(sqlite3* db) : db_(db) {}

  std::vector<std::string> all() {
    read_jobs();
    read_outcomes();
    read_waiting();
    for (const auto& [id, job] : jobs_) balance(id, job);
    compare_totals();
    ask("SELECT id FROM job WHERE state = 'held' AND coalesce(reason, '') = ''", "held job {} has no reason");
    ask("SELECT id FROM intent WHERE state = 'unknown' AND coalesce(reason, '') = ''",
        "unknown intent {} has no reason");
    // One that has just ended is due at once, in its turn, whatever the poll found odd in it.
    ask("SELECT id FROM batch WHERE state = 'ended' AND failures > 0 AND next_action_at IS NULL",
        "ended batch {} waits and has no next action");
    ask("SELECT count(*) FROM intent WHERE state IN ('uploading', 'committing') HAVING count(*) > 1",
        "{} intents are being sent at once");
    // Between two slices of retention there are some whose jobs have left with their batches.
    ask("SELECT requests FROM intent WHERE state = 'created' AND NOT EXISTS (SELECT 1 FROM batch WHERE batch.intent = "
        "intent.id) AND EXISTS (SELECT 1 FROM assignment a JOIN job ON job.id = a.job WHERE a.intent = intent.id)",
        "a created intent of {} requests has no batch");
    return std::move(found_);
  }

 private:
  void ask(const char* sql, const char* complaint) {
    each_row(db_, sql, [&](sqlite3_stmt* row) {
      found_.push_back(fmt::format(fmt::runtime(complaint), sqlite3_column_int64(row, 0)));
    });
  }

  void put(std::int64_t job, std::int64_t first, std::int64_t count, Place place, bool if_free = false) {
    const auto found = jobs_.find(job);
    if (found == jobs_.end()) {
      // What is being checked has its skipped lines already.
      if (place < succeeded) found_.push_back(fmt::format("job {} is {} and not there", job, place_names[place]));
      return;
    }
    auto& places = found->second.places;
    for (auto seq = first; seq < first + count; ++seq) {
      if (seq < 0 || static_cast<std::size_t>(seq) >= places.size()) {
        found_.push_back(fmt::format("job {} has no request {}, which is {}", job, seq, place_names[place]));
        continue;
      }
      auto& at = places[static_cast<std::size_t>(seq)];
      if (at != nowhere && if_free && at >= succeeded) continue;
      if (at != nowhere) {
        found_.push_back(
            fmt::format("request {} of job {} is {} and {}", seq, job, place_names[at], place_names[place]));
      }
      at = place;
    }
  }

  void read_jobs() {
    each_row(db_,
             "SELECT id, requests, pending, assigned, submitted, succeeded, errored, expired, canceled FROM job WHERE "
             "state NOT IN ('done', 'canceled') OR id % 8 = 0",
             [&](sqlite3_stmt* row) {
               auto& job = jobs_[sqlite3_column_int64(row, 0)];
               job.places.resize(static_cast<std::size_t>(sqlite3_column_int64(row, 1)));
               for (int i = 1; i < 8; ++i) job.counted[static_cast<std::size_t>(i)] = sqlite3_column_int64(row, i + 1);
             });
  }

  bool looked_at(std::int64_t job) const { return jobs_.contains(job); }

  void read_outcomes() {
    const auto take = [&](sqlite3_stmt* row) {
      if (!looked_at(sqlite3_column_int64(row, 0))) return;
      put(sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2),
          place_of(text_of(row, 3)));
    };
    each_row(db_, "SELECT job, seq, 1, type FROM outcome", take);
    each_row(db_, "SELECT job, first, count, type FROM made_outcome", take);
  }

  void read_waiting() {
    each_row(db_, "SELECT job, first, count FROM pending", [&](sqlite3_stmt* row) {
      put(sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2), pending);
    });
    each_row(db_,
             "SELECT a.job, a.first, a.count, i.state FROM assignment a JOIN intent i ON i.id = a.intent LEFT JOIN "
             "batch b ON b.intent = i.id WHERE i.state IN ('uploading', 'committing', 'unknown') OR (i.state = "
             "'created' AND b.twin = 0 AND b.state <> 'collected')",
             [&](sqlite3_stmt* row) {
               if (!looked_at(sqlite3_column_int64(row, 0))) return;
               put(sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2),
                   text_of(row, 3) == "created" ? submitted : assigned, true);
             });
  }

  void balance(std::int64_t id, const JobPlaces& job) {
    std::array<std::int64_t, 8> seen{};
    for (const auto place : job.places) ++seen[place];
    if (seen[nowhere] > 0) found_.push_back(fmt::format("{} requests of job {} are nowhere", seen[nowhere], id));
    for (std::size_t i = 1; i < seen.size(); ++i) {
      if (seen[i] == job.counted[i]) continue;
      found_.push_back(fmt::format("job {} counts {} {} and has {}", id, job.counted[i], place_names[i], seen[i]));
    }
  }

  // What the status shows of all jobs is what the jobs add up to.
  void compare_totals() {
    std::map<std::string, std::array<std::int64_t, 2>> sums;
    const auto read = [&](std::size_t side, const char* sql) {
      each_row(db_, sql, [&](sqlite3_stmt* row) {
        for (int i = 0; i < sqlite3_column_count(row); ++i) {
          sums[sqlite3_column_name(row, i)][side] = sqlite3_column_int64(row, i);
        }
      });
    };
    read(0,
         "SELECT sum(jobs_open) AS open, sum(pending) AS pending, sum(assigned) AS assigned, sum(submitted) AS "
         "submitted, sum(succeeded) AS succeeded, sum(errored) AS errored, sum(expired) AS expired, sum(canceled) AS "
         "canceled FROM job_total");
    read(1,
         "SELECT sum(state NOT IN ('done', 'canceled')) AS open, sum(pending) AS pending, sum(assigned) AS assigned, "
         "sum(submitted) AS submitted, sum(succeeded) AS succeeded, sum(errored) AS errored, sum(expired) AS expired, "
         "sum(canceled) AS canceled FROM job");
    for (const auto& [name, sum] : sums) {
      if (sum[0] != sum[1]) found_.push_back(fmt::format("the totals count {} {}, the jobs {}", sum[0], name, sum[1]));
    }
  }

  sqlite3* db_;
  std::map<std::int64_t, JobPlaces> jobs_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> look_into(sqlite3* db) { return Look(db).all(); }

std::vector<std::int64_t> complete_jobs(sqlite3* db) {
  std::vector<std::int64_t> found;
  each_row(
      db,
      "SELECT id FROM job WHERE state IN ('queued', 'running', 'canceling') AND pending + assigned + submitted = 0 "
      "AND reason IS NULL",
      [&](sqlite3_stmt* row) { found.push_back(sqlite3_column_int64(row, 0)); });
  return found;
}

std::int64_t rows_written(sqlite3* db) { return sqlite3_total_changes64(db); }

bool names_batch(sqlite3* db, const std::string& provider_id) {
  std::vector<std::string> columns;
  each_row(
      db,
      "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name "
      "NOT IN ('candidate', 'excluded') AND t.name NOT LIKE 'sqlite_%' AND c.type = 'TEXT'",
      [&](sqlite3_stmt* row) {
        columns.push_back(
            fmt::format("SELECT 1 FROM \"{}\" WHERE \"{}\" = '{}'", text_of(row, 0), text_of(row, 1), provider_id));
      });
  bool named = false;
  for (const auto& sql : columns) each_row(db, sql.c_str(), [&](sqlite3_stmt*) { named = true; });
  return named;
}

int silent_intents(sqlite3* db) {
  int silent = 0;
  each_row(db, "SELECT count(*) FROM intent WHERE state = 'unknown' AND next_action_at IS NULL",
           [&](sqlite3_stmt* row) { silent = sqlite3_column_int(row, 0); });
  return silent;
}

}  // namespace offpeak::simtest
