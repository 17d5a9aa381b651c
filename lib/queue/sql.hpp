// The SQLite connection, for the files of this room only: prepared statements, transactions, and SQLite's errors as
// QueueError. One connection owns the file (WAL, EXCLUSIVE, FULL); it lives on the database worker.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "model/line_index.hpp"
#include "queue/bells.hpp"
#include "queue/queue.hpp"

namespace offpeak {

struct Blob {
  std::string_view bytes;
};

class Sql;

// What is kept of a statement's text.
struct Prepared {
  sqlite3_stmt* statement = nullptr;
  StageSet concerns;  // the stages that its writes concern, triggers included
};

// A prepared statement in use: bound, stepped, and reset when it goes out of scope. Columns count from 0.
class Statement {
 public:
  template <class... Values>
  Statement(Sql& sql, sqlite3* db, const Prepared& prepared, const Values&... values)
      : sql_(sql), db_(db), statement_(prepared.statement), concerns_(prepared.concerns) {
    int index = 0;
    (bind_one(++index, values), ...);
  }
  ~Statement() { sqlite3_reset(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // For statements of many rows: the value of one parameter, counted from 1. Text must live until the step.
  template <class Value>
  void set(int parameter, const Value& value) {
    bind_one(parameter, value);
  }
  // True where a row is there.
  bool step();
  // For statements that give no rows.
  void run() {
    while (step()) {
    }
    sqlite3_reset(statement_);
  }

  bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const;
  std::string_view bytes(int column) const;  // valid until the next step
  Instant time(int column) const { return from_millis(integer(column)); }
  std::optional<Instant> maybe_time(int column) const;
  std::optional<std::string> maybe_text(int column) const;

 private:
  void bind_one(int index, std::int64_t value);
  void bind_one(int index, std::uint64_t value) { bind_one(index, static_cast<std::int64_t>(value)); }
  void bind_one(int index, std::int32_t value) { bind_one(index, std::int64_t{value}); }
  void bind_one(int index, std::uint32_t value) { bind_one(index, std::int64_t{value}); }
  void bind_one(int index, bool value) { bind_one(index, std::int64_t{value}); }
  void bind_one(int index, std::string_view text);
  void bind_one(int index, const std::string& text) { bind_one(index, std::string_view(text)); }
  void bind_one(int index, const char* text) { bind_one(index, std::string_view(text)); }
  void bind_one(int index, Blob blob);
  void bind_one(int index, Instant at) { bind_one(index, to_millis(at)); }
  template <class Tag>
  void bind_one(int index, Id<Tag> id) {
    bind_one(index, id.value);
  }
  template <class Value>
  void bind_one(int index, const std::optional<Value>& value) {
    if (value) {
      bind_one(index, *value);
    } else {
      bind_null(index);
    }
  }
  void bind_null(int index);
  void check(int code) const;

  Sql& sql_;
  sqlite3* db_;
  sqlite3_stmt* statement_;
  StageSet concerns_;
};

class Sql {
 public:
  explicit Sql(const std::string& path);
  ~Sql();
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;

  // Prepared once for each text. `sql` must not be in use already.
  template <class... Values>
  Statement query(std::string_view sql, const Values&... values) {
    return Statement(*this, db_, prepared(sql), values...);
  }
  // Runs it; the number of rows it changed.
  template <class... Values>
  std::int64_t run(std::string_view sql, const Values&... values) {
    query(sql, values...).run();
    return sqlite3_changes64(db_);
  }
  // Several statements without values, not kept.
  void script(const std::string& sql);
  sqlite3* connection() const { return db_; }
  std::int64_t last_id() const { return sqlite3_last_insert_rowid(db_); }

  // The decoded entries of one segment, kept until another is asked for. QueueError where it is damaged.
  const std::vector<LineEntry>& segment(JobId job, std::uint32_t number);
  void forget_segment() { cached_job_ = JobId(); }

  // How often a job's requests have changed their state since the start: an audit sees whether it read a job at rest.
  void note_move(JobId job) { ++moves_[job]; }
  std::uint64_t moves_of(JobId job) const {
    const auto found = moves_.find(job);
    return found == moves_.end() ? 0 : found->second;
  }

  // Rows were written that concern these stages: by a statement of its own, or to be committed.
  void note_written(StageSet concerns);
  void note_committed();
  void note_rolled_back() { uncommitted_ = StageSet(); }
  // Of all that was committed since the last call.
  StageSet take_concerned() { return std::exchange(committed_, StageSet()); }

 private:
  bool is_empty();
  void empty_log();
  const Prepared& prepared(std::string_view sql);
  static int note_access(void* self, int action, const char* table, const char* column, const char* database,
                         const char* trigger);

  sqlite3* db_ = nullptr;
  std::map<std::string, Prepared, std::less<>> statements_;
  StageSet preparing_;    // what SQLite says of the statement that it prepares
  StageSet uncommitted_;  // by the transaction that is open
  StageSet committed_;
  std::map<JobId, std::uint64_t> moves_;
  JobId cached_job_;
  std::uint32_t cached_number_ = 0;
  std::vector<LineEntry> cached_entries_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back where it is left without commit().
class Transaction {
 public:
  explicit Transaction(Sql& sql) : sql_(sql) { sql_.run("BEGIN IMMEDIATE"); }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    sql_.run("COMMIT");
    committed_ = true;
    sql_.note_committed();
  }

 private:
  Sql& sql_;
  bool committed_ = false;
};

// A part of a transaction that is undone by itself, unless it is kept.
class Savepoint {
 public:
  explicit Savepoint(Sql& sql) : sql_(sql) { sql_.run("SAVEPOINT part"); }
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  void keep() {
    sql_.run("RELEASE part");
    kept_ = true;
  }

 private:
  Sql& sql_;
  bool kept_ = false;
};

// Throws the QueueError that fits the connection's last failure.
[[noreturn]] void throw_queue_error(sqlite3* db, int code);

// Before SQLite makes it with the umask's mode: 0600. Nothing where it cannot be made; SQLite will say why.
void make_private_file(const std::string& path);

// To this version's schema. Before that, what an older version made is copied to <database>.before-<its schema>, of
// which one is kept. QueueError where the database is of a newer version.
void migrate(Sql& sql);
// The numbered files of schema/, in order.
std::vector<std::string> migration_texts();

}  // namespace offpeak
