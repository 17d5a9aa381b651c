#include <fmt/format.h>

#include <array>
#include <string_view>

#include "queue/snapshot.hpp"
#include "queue/sql.hpp"

namespace offpeak {

namespace {

struct Migration {
  std::string_view name;
  std::string_view sql;
};

constexpr Migration migrations[] = {
#include "queue/migrations.inc"
};

// Gone, and durably so; nothing where there is none.
void remove_file(sqlite3* db, const std::string& path) {
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  const int code = vfs->xDelete(vfs, path.c_str(), 1);
  if (code != SQLITE_OK && code != SQLITE_IOERR_DELETE_NOENT) throw_queue_error(nullptr, code);
}

std::string copy_name(sqlite3* db, std::int64_t version) {
  return fmt::format("{}.before-{}", sqlite3_db_filename(db, "main"), version);
}

// What a migration changes cannot be taken back, and an older program refuses what it made. The copy is complete and
// durable before the first of them begins; a start that was cut meanwhile makes it anew.
void keep_copy(Sql& sql, std::int64_t version) {
  auto* db = sql.connection();
  const auto path = copy_name(db, version);
  remove_file(db, path);
  remove_file(db, path + "-journal");
  make_private_file(path);
  Snapshot copy(sql, path, Snapshot::Sync::with_the_copy);
  while (!copy.copy_slice()) {
  }
}

void remove_other_copies(Sql& sql, std::int64_t version, std::int64_t known) {
  for (std::int64_t other = 1; other < known; ++other) {
    if (other != version) remove_file(sql.connection(), copy_name(sql.connection(), other));
  }
}

}  // namespace

std::vector<std::string> migration_texts() {
  std::vector<std::string> texts;
  for (const auto& migration : migrations) texts.emplace_back(migration.sql);
  return texts;
}

// user_version counts the migrations a database has had. All that are due run in one transaction: a database is always
// one that some version has made, and so is the copy beside it.
void migrate(Sql& sql) {
  std::int64_t version = 0;
  {
    auto row = sql.query("PRAGMA user_version");
    row.step();
    version = row.integer(0);
  }
  const auto known = static_cast<std::int64_t>(std::size(migrations));
  if (version > known) {
    throw QueueError(fmt::format(
        "database: made by a newer offpeak (schema {}, this one knows {}); install that version", version, known));
  }
  if (version == known) return;
  if (version > 0) keep_copy(sql, version);
  Transaction transaction(sql);
  for (auto next = version; next < known; ++next) sql.script(std::string(migrations[next].sql));
  sql.script(fmt::format("PRAGMA user_version = {}", known));
  transaction.commit();
  if (version > 0) remove_other_copies(sql, version, known);
}

}  // namespace offpeak
