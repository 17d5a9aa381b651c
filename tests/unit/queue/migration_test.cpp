// From every older schema, with data in it: nothing of it changes, and a copy of what was there is kept beside it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "everything.hpp"
#include "queue/row_checksum.hpp"
#include "queue/sql.hpp"
#include "queue_world.hpp"

namespace offpeak::testing {
namespace {

namespace fs = std::filesystem;

void run_raw(sqlite3* db, const std::string& sql) {
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << sql << ": " << (error ? error : "");
  sqlite3_free(error);
}

std::vector<std::string> column(sqlite3* db, const std::string& sql) {
  std::vector<std::string> values;
  const auto keep = [](void* to, int, char** row, char**) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(row[0]);
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), keep, &values, nullptr), SQLITE_OK) << sql;
  return values;
}

sqlite3* open_raw(const std::string& path) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  add_row_functions(db);
  run_raw(db, "PRAGMA synchronous = OFF");  // what a test makes need not outlive a power cut
  return db;
}

std::int64_t schema_of(const std::string& path) {
  auto* db = open_raw(path);
  const auto said = column(db, "PRAGMA user_version");
  sqlite3_close(db);
  return std::stoll(said.at(0));
}

// The filled database as that schema would hold it: every column that it has.
void make_version(std::size_t version, const std::string& path, const std::string& filled) {
  fs::remove(path);
  auto* db = open_raw(path);
  for (std::size_t i = 0; i < version; ++i) run_raw(db, migration_texts().at(i));
  run_raw(db, fmt::format("PRAGMA user_version = {}; ATTACH '{}' AS filled", version, filled));
  // What a trigger would add is in the filled one already.
  ASSERT_EQ(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr), SQLITE_OK);
  for (const auto& table : column(db,
                                  "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name IN (SELECT "
                                  "name FROM filled.sqlite_schema)")) {
    const auto columns = fmt::format(
        "{}", fmt::join(column(db, fmt::format("SELECT name FROM main.pragma_table_info('{0}') "
                                               "WHERE name IN (SELECT name FROM filled.pragma_table_info('{0}'))",
                                               table)),
                        ", "));
    run_raw(db,
            fmt::format("DELETE FROM main.{0}; INSERT INTO main.{0} ({1}) SELECT {1} FROM filled.{0}", table, columns));
  }
  sqlite3_close(db);
}

std::size_t newest() { return migration_texts().size(); }

class Migration : public ::testing::TestWithParam<std::size_t> {
 protected:
  Migration() {
    // What no schema before the eighth could hold.
    if (GetParam() < 8) world_.tamper("DELETE FROM unreadable");
    expected_ = everything(*world_.queue);
    world_.close();
    make_version(GetParam(), world_.path(), FilledFile::get().world.path());
  }
  std::string copy(std::size_t version) const { return fmt::format("{}.before-{}", world_.path(), version); }

  QueueWorld world_{FilledFile::get().world.path()};
  std::string expected_;
};

INSTANTIATE_TEST_SUITE_P(EveryOlderSchema, Migration, ::testing::Range(std::size_t{1}, newest()),
                         [](const auto& info) { return fmt::format("Schema{}", info.param); });

TEST_P(Migration, NothingOfItChanges) {
  ASSERT_EQ(schema_of(world_.path()), static_cast<std::int64_t>(GetParam()));
  auto migrated = std::make_unique<Queue>(world_.path());
  EXPECT_EQ(everything(*migrated), expected_);
  EXPECT_EQ(migrated->audit(std::nullopt).problems, std::vector<std::string>());
  // Ids go on where they were, though the last ones may have no row any more.
  const auto last = migrated->announce_intake(IntakeSource::folder, "c.jsonl", {}, world_now);
  EXPECT_GT(last.value, migrated->jobs({}).back().id.value + 1);
  migrated.reset();
  EXPECT_EQ(schema_of(world_.path()), static_cast<std::int64_t>(newest()));
}

TEST_P(Migration, ItsRowsHaveTheirChecksums) {
  {
    Queue migrated(world_.path());
  }
  auto bytes = read_file(world_.path());
  const auto at = bytes.find("nonce2");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  write_file(world_.path(), bytes);
  EXPECT_THROW(Queue queue(world_.path()), QueueDamaged);
}

// Put back, it is what the older program left.
TEST_P(Migration, ACopyOfWhatWasThereIsKept) {
  {
    Queue migrated(world_.path());
  }
  EXPECT_EQ(schema_of(copy(GetParam())), static_cast<std::int64_t>(GetParam()));
  struct stat info{};
  ASSERT_EQ(::stat(copy(GetParam()).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_FALSE(fs::exists(copy(GetParam()) + "-journal"));
  fs::rename(copy(GetParam()), world_.path());
  Queue again(world_.path());
  EXPECT_EQ(everything(again), expected_);
}

TEST_P(Migration, OneCopyIsKept) {
  write_file(copy(GetParam()), "of a start that was cut");
  for (std::size_t other = 1; other < newest(); ++other) {
    if (other != GetParam()) write_file(copy(other), "an older one");
  }
  {
    Queue migrated(world_.path());
  }
  for (std::size_t other = 1; other < newest(); ++other) {
    EXPECT_EQ(fs::exists(copy(other)), other == GetParam()) << other;
  }
  EXPECT_EQ(schema_of(copy(GetParam())), static_cast<std::int64_t>(GetParam()));
}

TEST(MigrationCopy, ADatabaseOfThisVersionGetsNone) {
  QueueWorld world(FilledFile::get().world.path());
  world.open();
  for (std::size_t version = 0; version <= newest(); ++version) {
    EXPECT_FALSE(fs::exists(fmt::format("{}.before-{}", world.path(), version)));
  }
}

// No copy, no migration: what cannot be kept is not changed.
TEST(MigrationCopy, WithoutItNothingIsMigrated) {
  QueueWorld world(FilledFile::get().world.path());
  world.close();
  make_version(1, world.path(), FilledFile::get().world.path());
  fs::create_directories(world.path() + ".before-1/in the way");
  EXPECT_THROW(Queue queue(world.path()), QueueError);
  EXPECT_EQ(schema_of(world.path()), 1);
}

}  // namespace
}  // namespace offpeak::testing
