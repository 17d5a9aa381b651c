// What must be on the disk before the next step is taken, seen in the order in which the process asked for it (faults
// 37, 40 to 42). Nothing here waits for a real power cut: it is enough that a step that relies on bytes comes after
// their sync.
#include <gtest/gtest.h>

#include "support/rig.hpp"
#include "support/sync_spy.hpp"
#include "unit/base/temporary_folder.hpp"

namespace offpeak {
namespace {

using offpeak::testing::Rig;
using offpeak::testing::SyncSpy;
using std::chrono::hours;

class Durability : public ::testing::Test {
 protected:
  void run_one_job() {
    rig.drop_requests("job.jsonl", 5, [](int) { return std::string("hello"); });
    rig.start();
    ASSERT_TRUE(rig.run_until_done(hours(1))) << rig.log.text();
  }
  std::string sync(const std::string& path) const { return "sync " + path; }
  void expect_order(int before, int after, const char* what) const {
    ASSERT_GE(before, 0) << what << "\n" << spy.text();
    ASSERT_GE(after, 0) << what << "\n" << spy.text();
    EXPECT_LT(before, after) << what << "\n" << spy.text();
  }

  Rig rig;
  SyncSpy spy;
};

TEST_F(Durability, AClaimedFileIsSyncedAndSoAreTheFoldersThatItMovedBetween) {
  run_one_job();
  const auto claimed = rig.config.paths.claimed();
  const auto moved = spy.first("rename " + rig.config.paths.incoming() + "/job.jsonl " + claimed + "/1");
  EXPECT_TRUE(spy.has(sync(claimed + "/1"))) << spy.text();
  expect_order(moved, spy.last(sync(claimed)), "the folder that it came into");
  expect_order(moved, spy.last(sync(rig.config.paths.incoming())), "the folder that it left");
}

TEST_F(Durability, ARawDownloadIsSyncedBeforeItGetsTheNameThatOutcomesReferTo) {
  run_one_job();
  const auto downloads = rig.config.paths.downloads();
  const auto part = downloads + "/1.1.jsonl.part";
  const auto named = spy.first("rename " + part);
  expect_order(spy.first(sync(part)), named, "its bytes");
  expect_order(named, spy.last(sync(downloads)), "its name");
  // Outcomes that refer to it are rows, and a row is durable by a sync of the log of the database.
  expect_order(spy.last(sync(downloads)), spy.last(sync(rig.config.paths.database() + "-wal")), "the outcomes");
}

TEST_F(Durability, TheResultsFilesAreSyncedBeforeTheirFolderGetsItsName) {
  run_one_job();
  const auto results = rig.config.paths.results();
  int named = -1;
  std::string unfinished;
  const auto steps = spy.steps();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i].starts_with("rename " + results) || !steps[i].ends_with("/1-job")) continue;
    named = static_cast<int>(i);
    unfinished = steps[i].substr(7, steps[i].find(' ', 7) - 7);
  }
  for (const auto* name : {"results.jsonl", "failed.jsonl", "summary.json"}) {
    expect_order(spy.first(sync(unfinished + "/" + name)), named, name);
  }
  int names_synced = -1;
  for (int i = 0; i < named; ++i) {
    if (steps[static_cast<std::size_t>(i)] == sync(unfinished)) names_synced = i;
  }
  EXPECT_GT(names_synced, spy.first(sync(unfinished + "/summary.json"))) << "the names in the folder\n" << spy.text();
  expect_order(named, spy.last(sync(results)), "the folder's own name");
}

// Of a move that shares its syncs with nobody.
TEST_F(Durability, AMoveIsDurableInBothFolders) {
  TemporaryFolder folder;
  SystemFiles files;
  for (const auto* name : {"from", "to"}) ASSERT_TRUE(files.make_folders(folder / name, 0700));
  for (const auto* name : {"one", "two"}) folder.write(std::string("from/") + name, "bytes");
  ASSERT_TRUE(files.move(folder / "from/one", folder / "to/one"));
  ASSERT_EQ(spy.steps().size(), 3U) << spy.text();
  expect_order(spy.first("rename "), spy.first(sync(folder / "to")), "the folder that it came into");
  expect_order(spy.first("rename "), spy.first(sync(folder / "from")), "the folder that it left");
  spy.clear();
  ASSERT_TRUE(files.move_new(folder / "from/two", folder / "to/two"));
  EXPECT_TRUE(spy.has(sync(folder / "to"))) << spy.text();
  EXPECT_TRUE(spy.has(sync(folder / "from"))) << spy.text();
}

}  // namespace
}  // namespace offpeak
