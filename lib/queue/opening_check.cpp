// What is looked at before a database is used: a file that has changed since it was written is refused as a whole.
#include "queue/opening_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "queue/row_checksum.hpp"

namespace offpeak {

namespace {

// Below this the whole file is read at start: a fraction of a second.
constexpr std::int64_t whole_check_bytes_max = 64 * 1024 * 1024;

// Small whatever the size of the jobs, and what is sent and counted hangs on them. The others, a row for a request or a
// thousand, are compared where they are read, and by the audit.
constexpr std::string_view small_tables[] = {"fact",    "intake",     "job",       "job_total",   "pending",
                                             "intent",  "batch",      "tally",     "unexplained", "excluded",
                                             "spent",   "assignment", "candidate", "purged",      "rejected",
                                             "free_id", "taken_file", "sender",    "sent_by",     "oddity"};

std::int64_t integer_pragma(Sql& sql, std::string_view name) {
  auto row = sql.query(fmt::format("PRAGMA {}", name));
  row.step();
  return row.integer(0);
}

bool has_table(Sql& sql, std::string_view name) {
  auto row = sql.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", name);
  return row.step();
}

bool has_column(Sql& sql, std::string_view table, std::string_view column) {
  auto row = sql.query("SELECT 1 FROM pragma_table_xinfo(?) WHERE name = ?", table, column);
  return row.step();
}

// Structure, order, indexes and constraints; `intact` of every row where it is NOT NULL.
void check_with(Sql& sql, const std::string& pragma) {
  auto row = sql.query(pragma);
  if (!row.step() || row.bytes(0) != "ok") throw_damaged(fmt::format("{} says: {}", pragma, row.text(0)));
}

std::string schema_text(sqlite3* db) {
  std::string text;
  const auto add = [](void* to, int count, char** values, char**) {
    for (int i = 0; i < count; ++i) *static_cast<std::string*>(to) += fmt::format("{}\n", values[i] ? values[i] : "");
    return 0;
  };
  const int code =
      sqlite3_exec(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name", add, &text, nullptr);
  if (code != SQLITE_OK) throw_queue_error(db, code);
  return text;
}

// Of a database that has had every migration of this version and nothing else.
std::string migrated_schema() {
  sqlite3* db = nullptr;
  const int opened = sqlite3_open(":memory:", &db);
  const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> closed(db, &sqlite3_close);
  if (opened != SQLITE_OK) throw_queue_error(nullptr, opened);
  add_row_functions(db);
  for (const auto& migration : migration_texts()) {
    const int code = sqlite3_exec(db, migration.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) throw_queue_error(db, code);
  }
  return schema_text(db);
}

// Through SQLite's own file layer, as everything else that is read of it.
void read_every_byte(sqlite3* db) {
  sqlite3_file* file = nullptr;
  int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file));
  sqlite3_int64 bytes = 0;
  if (code == SQLITE_OK) code = file->pMethods->xFileSize(file, &bytes);
  std::array<char, 64 * 1024> part;
  for (sqlite3_int64 at = 0; code == SQLITE_OK && at < bytes;) {
    const auto count = std::min<sqlite3_int64>(part.size(), bytes - at);
    code = file->pMethods->xRead(file, part.data(), static_cast<int>(count), at);
    at += count;
  }
  if (code != SQLITE_OK) throw_queue_error(nullptr, code);
}

}  // namespace

void throw_damaged(const std::string& what) {
  throw QueueDamaged(
      fmt::format("database: {}: the database is damaged; stop offpeakd, keep a copy of the state folder, "
                  "then restore a backup",
                  what));
}

void check_rows(Sql& sql) {
  const auto bytes = integer_pragma(sql, "page_count") * integer_pragma(sql, "page_size");
  if (bytes <= whole_check_bytes_max) {
    check_with(sql, "PRAGMA integrity_check(1)");
    if (has_column(sql, "outcome", "intact")) {
      auto row = sql.query("SELECT count(*) FROM outcome WHERE intact");
      row.step();
    }
    return;
  }
  for (const auto table : small_tables) {
    if (has_table(sql, table)) check_with(sql, fmt::format("PRAGMA integrity_check('{}')", table));
  }
}

void check_readable(const std::string& path) {
  for (const auto& name : {path, path + "-wal"}) {
    sqlite3* db = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_EXRESCODE, nullptr);
    const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> closed(db, &sqlite3_close);
    // There need not be a log.
    if (code == SQLITE_OK) read_every_byte(db);
  }
}

void check_schema(Sql& sql) {
  static const std::string expected = migrated_schema();
  if (schema_text(sql.connection()) != expected) throw_damaged("the schema is not the one that this version makes");
}

}  // namespace offpeak
