#include "queue/sql.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "queue/row_checksum.hpp"

namespace offpeak {

namespace {

constexpr int page_cache_kib = 6 * 1024;
constexpr int wal_pages_before_checkpoint = 4000;

}  // namespace

void throw_queue_error(sqlite3* db, int code) {
  const int reason = db != nullptr ? sqlite3_extended_errcode(db) : code;
  const int os_error = db != nullptr ? sqlite3_system_errno(db) : 0;
  const auto text =
      fmt::format("database: {} (SQLite {})", db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code), reason);
  const bool no_space =
      (reason & 0xFF) == SQLITE_FULL || ((reason & 0xFF) == SQLITE_IOERR && (os_error == ENOSPC || os_error == EDQUOT));
  if (no_space) throw QueueDiskFull(text + ": the disk is full; free some space, offpeak goes on by itself");
  if ((reason & 0xFF) == SQLITE_BUSY || (reason & 0xFF) == SQLITE_LOCKED) {
    throw QueueInUse(text + ": another offpeakd owns this state folder; stop it first");
  }
  if ((reason & 0xFF) == SQLITE_CORRUPT || (reason & 0xFF) == SQLITE_NOTADB) {
    throw QueueDamaged(text +
                       ": the database is damaged; stop offpeakd, keep a copy of the state folder, then restore a "
                       "backup; `offpeak audit` tells what it holds");
  }
  throw QueueError(text);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) throw_queue_error(db_, code);
  if (!concerns_.empty() && sqlite3_changes64(db_) > 0) sql_.note_written(concerns_);
  return false;
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string Statement::text(int column) const { return std::string(bytes(column)); }

std::optional<Instant> Statement::maybe_time(int column) const {
  if (is_null(column)) return std::nullopt;
  return time(column);
}

std::optional<std::string> Statement::maybe_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) throw_queue_error(db_, code);
}

void Statement::bind_one(int index, std::int64_t value) { check(sqlite3_bind_int64(statement_, index, value)); }

void Statement::bind_one(int index, std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";
  check(sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind_one(int index, Blob blob) {
  const char* data = blob.bytes.data() != nullptr ? blob.bytes.data() : "";
  check(sqlite3_bind_blob64(statement_, index, data, blob.bytes.size(), SQLITE_TRANSIENT));
}

void Statement::bind_null(int index) { check(sqlite3_bind_null(statement_, index)); }

void make_private_file(const std::string& path) {
  if (const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); fd >= 0) ::close(fd);
}

Sql::Sql(const std::string& path) {
  // Pages one by one as they are used: SQLite would have some hundred KiB of them ready for each file it opens, which
  // an idle daemon never needs. Counts only before SQLite is used first, and is harmless later.
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
  make_private_file(path);  // its WAL takes the same mode
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (const int code = sqlite3_open_v2(path.c_str(), &db_, flags, nullptr); code != SQLITE_OK) {
    const std::string text = fmt::format("cannot open the database {}: {}", path, sqlite3_errstr(code));
    sqlite3_close(db_);
    throw QueueError(text);
  }
  try {
    sqlite3_set_authorizer(db_, note_access, this);
    add_row_functions(db_);
    // Exclusive before WAL: then no shared memory file is made, and the lock is held until the process ends.
    script("PRAGMA locking_mode = EXCLUSIVE");
    // Of a new file only: an old one uses its free pages again, and to say it anew is a write that a full disk refuses.
    if (is_empty()) script("PRAGMA auto_vacuum = INCREMENTAL");
    script("PRAGMA journal_mode = WAL");
    script("PRAGMA synchronous = FULL");
    script("PRAGMA foreign_keys = ON");
    script("PRAGMA temp_store = MEMORY");
    script(fmt::format("PRAGMA cache_size = -{}", page_cache_kib));
    script(fmt::format("PRAGMA wal_autocheckpoint = {}", wal_pages_before_checkpoint));
    script("BEGIN EXCLUSIVE; COMMIT");  // takes the lock now, not at the first write
    empty_log();
  } catch (...) {
    for (const auto& [text, kept] : statements_) sqlite3_finalize(kept.statement);
    sqlite3_close(db_);
    throw;
  }
}

bool Sql::is_empty() {
  auto row = query("PRAGMA page_count");
  return row.step() && row.integer(0) == 0;
}

// A sync that failed once reports success from then on, although its bytes never reached the disk (Linux drops them).
// So what an earlier process left in the log is not trusted to be durable: it is written once more, into the database.
void Sql::empty_log() {
  try {
    script("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const QueueDiskFull&) {
    // The log stays as it is, and the daemon can start.
  }
}

Sql::~Sql() {
  for (const auto& [text, kept] : statements_) sqlite3_finalize(kept.statement);
  sqlite3_close(db_);
}

void Sql::script(const std::string& sql) {
  if (const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK) {
    throw_queue_error(db_, code);
  }
}

const Prepared& Sql::prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  Prepared fresh;
  preparing_ = StageSet();
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &fresh.statement, nullptr);
  if (code != SQLITE_OK) throw_queue_error(db_, code);
  fresh.concerns = preparing_;
  return statements_.emplace(std::string(sql), fresh).first->second;
}

// SQLite asks this for everything that a statement will do, what its triggers do included: so nobody has to remember
// which stages a write concerns.
int Sql::note_access(void* self, int action, const char* table, const char* column, const char* /*database*/,
                     const char* /*trigger*/) {
  auto& sql = *static_cast<Sql*>(self);
  if (action == SQLITE_INSERT || action == SQLITE_DELETE) sql.preparing_ |= concerned_by(table, "");
  if (action == SQLITE_UPDATE) sql.preparing_ |= concerned_by(table, column);
  return SQLITE_OK;
}

void Sql::note_written(StageSet concerns) {
  const bool in_transaction = sqlite3_get_autocommit(db_) == 0;
  (in_transaction ? uncommitted_ : committed_) |= concerns;
}

void Sql::note_committed() { committed_ |= std::exchange(uncommitted_, StageSet()); }

const std::vector<LineEntry>& Sql::segment(JobId job, std::uint32_t number) {
  if (cached_job_ == job && cached_number_ == number) return cached_entries_;
  auto row = query("SELECT entries FROM segment WHERE intact AND job = ? AND number = ?", job, number);
  if (!row.step()) {
    throw QueueDamaged(fmt::format("database: job {} has no index segment {}; restore a backup", job.value, number));
  }
  auto entries = decode_segment(row.bytes(0));
  if (!entries) {
    throw QueueDamaged(
        fmt::format("database: index segment {} of job {} is damaged; restore a backup", number, job.value));
  }
  cached_job_ = job;
  cached_number_ = number;
  cached_entries_ = std::move(*entries);
  return cached_entries_;
}

Transaction::~Transaction() {
  if (committed_) return;
  sql_.note_rolled_back();
  try {
    sql_.run("ROLLBACK");
  } catch (const QueueError&) {
    // SQLite rolled back by itself already; either way nothing of the function is there.
  }
}

Savepoint::~Savepoint() {
  if (kept_) return;
  try {
    sql_.run("ROLLBACK TO part");
    sql_.run("RELEASE part");
  } catch (const QueueError&) {
    // SQLite rolled back the whole transaction by itself already.
  }
}

}  // namespace offpeak
