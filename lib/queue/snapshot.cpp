#include "queue/snapshot.hpp"

#include <fmt/format.h>

#include "queue/opening_check.hpp"
#include "queue/row_checksum.hpp"
#include "queue/sql.hpp"

namespace offpeak {

namespace {

constexpr int slice_pages = 256;  // a megabyte

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using OwnedDatabase = std::unique_ptr<sqlite3, CloseDatabase>;

OwnedDatabase open_copy(const std::string& path) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  OwnedDatabase owned(db);
  if (code != SQLITE_OK) throw_queue_error(db, code);
  add_row_functions(db);
  return owned;
}

void run_on(sqlite3* db, const char* sql) {
  if (const int code = sqlite3_exec(db, sql, nullptr, nullptr, nullptr); code != SQLITE_OK) throw_queue_error(db, code);
}

}  // namespace

struct Snapshot::Parts {
  OwnedDatabase copy;
  sqlite3_backup* backup = nullptr;
  ~Parts() { sqlite3_backup_finish(backup); }
};

Snapshot::Snapshot(Sql& source, const std::string& path, Sync sync) : parts_(std::make_unique<Parts>()) {
  parts_->copy = open_copy(path);
  run_on(parts_->copy.get(), sync == Sync::by_the_keeper ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = EXTRA");
  parts_->backup = sqlite3_backup_init(parts_->copy.get(), "main", source.connection(), "main");
  if (parts_->backup == nullptr) throw_queue_error(parts_->copy.get(), sqlite3_errcode(parts_->copy.get()));
}

Snapshot::~Snapshot() = default;

bool Snapshot::copy_slice() {
  const int code = sqlite3_backup_step(parts_->backup, slice_pages);
  if (code == SQLITE_OK) return false;
  if (code == SQLITE_DONE) return true;
  throw_queue_error(nullptr, code);
}

bool Queue::begin_snapshot(const std::string& path) const {
  if (snapshot_) return false;
  snapshot_ = std::make_unique<Snapshot>(*sql_, path);
  return true;
}

bool Queue::copy_snapshot() const {
  if (!snapshot_) throw QueueError("database: no copy is under way");
  try {
    if (!snapshot_->copy_slice()) return false;
  } catch (...) {
    snapshot_.reset();
    throw;
  }
  snapshot_.reset();
  return true;
}

void check_snapshot(const std::string& path) {
  const auto copy = open_copy(path);
  run_on(copy.get(), "PRAGMA locking_mode = EXCLUSIVE");
  run_on(copy.get(), "PRAGMA journal_mode = DELETE");
  std::string said;
  const auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0] != nullptr ? values[0] : "";
    return 0;
  };
  const int code = sqlite3_exec(copy.get(), "PRAGMA integrity_check(1)", keep, &said, nullptr);
  if (code != SQLITE_OK) throw_queue_error(copy.get(), code);
  run_on(copy.get(), "SELECT count(*) FROM outcome WHERE intact");
  if (said != "ok") throw_damaged(fmt::format("the copy for a backup: {}", said));
}

}  // namespace offpeak
