#include <fmt/format.h>

#include <array>
#include <string_view>

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

}  // namespace

std::vector<std::string> migration_texts() {
  std::vector<std::string> texts;
  for (const auto& migration : migrations) texts.emplace_back(migration.sql);
  return texts;
}

// user_version counts the migrations a database has had. Each runs in a transaction of its own.
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
  for (auto next = version; next < known; ++next) {
    Transaction transaction(sql);
    sql.script(std::string(migrations[next].sql));
    sql.script(fmt::format("PRAGMA user_version = {}", next + 1));
    transaction.commit();
  }
}

}  // namespace offpeak
