// Files that did not become a job, or that grew after they were taken: records until retention takes them.
#include <fmt/format.h>

#include <limits>

#include "base/json.hpp"
#include "queue/moves.hpp"

namespace offpeak {

namespace {

constexpr std::string_view columns = "id, file, stored, at, error_count, errors, job, seen, intact";

RejectedFile read_rejected(const Statement& row) {
  RejectedFile found;
  found.id = RejectedId{row.integer(0)};
  found.file = row.text(1);
  found.stored = row.text(2);
  found.at = row.time(3);
  found.error_count = row.integer(4);
  found.errors = row.text(5);
  if (!row.is_null(6)) found.job = JobId{row.integer(6)};
  found.seen = row.integer(7) != 0;
  return found;
}

template <class... Values>
std::vector<RejectedFile> read_all(Sql& sql, std::string_view where, const Values&... values) {
  const auto text = fmt::format("SELECT {} FROM rejected {}", columns, where);
  std::vector<RejectedFile> found;
  auto row = sql.query(text, values...);
  while (row.step()) found.push_back(read_rejected(row));
  return found;
}

}  // namespace

void add_rejected(Sql& sql, const RejectedFile& record) {
  sql.run("INSERT INTO rejected (file, stored, at, error_count, errors, job, seen) VALUES (?, ?, ?, ?, ?, ?, 0)",
          Blob{record.file}, Blob{record.stored}, record.at, record.error_count, record.errors, record.job);
}

void read_unseen(Sql& sql, Status& status) {
  {
    auto row = sql.query("SELECT count(*) FROM rejected WHERE seen = 0 AND intact");
    row.step();
    status.rejected_unseen = row.integer(0);
  }
  if (status.rejected_unseen == 0) return;
  auto newest = read_all(sql, "WHERE seen = 0 ORDER BY id DESC LIMIT 1");
  if (newest.empty()) return;
  // The status is copied for everybody who asks.
  std::string_view first = "";
  JsonElements(newest.front().errors).next(first);
  newest.front().errors = fmt::format("[{}]", first);
  status.rejected_newest = std::move(newest.front());
}

std::vector<RejectedFile> Queue::unseen_rejected(std::uint32_t most) const {
  return read_all(*sql_, "WHERE seen = 0 ORDER BY id LIMIT ?", most);
}

std::vector<RejectedFile> Queue::rejected(const ListOptions& options, const std::string& file) const {
  const auto below = options.after == 0 ? std::numeric_limits<std::int64_t>::max() : options.after;
  return read_all(*sql_, "WHERE id < ?1 AND (?2 = x'' OR file = ?2 OR stored = ?2) ORDER BY id DESC LIMIT ?3", below,
                  Blob{file}, options.limit);
}

std::optional<RejectedFile> Queue::see_rejected(RejectedId id) {
  sql_->run("UPDATE rejected SET seen = 1 WHERE id = ? AND seen = 0", id);
  auto found = read_all(*sql_, "WHERE id = ?", id);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

bool Queue::purge_rejected(Instant before, std::uint32_t most_rows) {
  return sql_->run("DELETE FROM rejected WHERE id IN (SELECT id FROM rejected WHERE at < ? ORDER BY at LIMIT ?)",
                   before, most_rows) > 0;
}

}  // namespace offpeak
