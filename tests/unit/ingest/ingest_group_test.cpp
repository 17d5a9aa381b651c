// Files that are found together are claimed, checked, synced and accepted together; what happens to one of them is
// nothing to its neighbours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "support/full_disk.hpp"
#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_fixture.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

using ::testing::HasSubstr;

class IngestGroup : public IngestFixture {
 protected:
  // `count` files in incoming/ before the daemon starts, "0.jsonl" the oldest: they settle together.
  void write_files(int count) {
    for (int i = 0; i < count; ++i) write(std::to_string(i) + ".jsonl", request("id" + std::to_string(i)));
  }
  // Of the jobs, by name; each once.
  std::set<std::string> accepted_names(Life& life) {
    std::set<std::string> found;
    for (const auto& job : life.queue.jobs({})) EXPECT_TRUE(found.insert(job.name).second) << job.name;
    return found;
  }
  static std::set<std::string> all_but(int count, const std::set<int>& without) {
    std::set<std::string> names;
    for (int i = 0; i < count; ++i) {
      if (!without.contains(i)) names.insert(std::to_string(i));
    }
    return names;
  }
};

TEST_F(IngestGroup, ManySmallFilesShareTheSyncsOfTheirFolders) {
  std::map<std::string, int> operations;
  files.fail = [&](const std::string& operation, const std::string&) {
    ++operations[operation];
    return 0;
  };
  write_files(100);
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life).size(), 100U);
  EXPECT_EQ(operations["move"], 100);
  EXPECT_EQ(operations["sync"], 100) << "every file's own bytes";
  EXPECT_EQ(operations["sync_folder"], 4) << "two groups, two folders";
}

TEST_F(IngestGroup, ADuplicateOfANeighbourIsRefusedAndNamesIt) {
  write_files(5);
  write("5.jsonl", request("id2"));
  write("6.jsonl", request("id5"));
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life), all_but(7, {5}));
  JobId first;
  for (const auto& job : life.queue.jobs({})) {
    if (job.name == "2") first = job.id;
  }
  EXPECT_THAT(rejected_document("5.jsonl"), HasSubstr("duplicate of job " + std::to_string(first.value)));
  EXPECT_EQ(names("claimed").size(), 6U);
}

TEST_F(IngestGroup, ABadFileIsRejectedAloneAndSoIsOneThatMayNotBeRead) {
  write_files(6);
  write("1.jsonl", "bad");
  files.fail = [](const std::string& operation, const std::string& path) {
    return operation == "open" && path.ends_with("claimed/4") ? EACCES : 0;
  };
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life).size(), 4U);
  EXPECT_FALSE(accepted_names(life).contains("1"));
  EXPECT_EQ(names("rejected").size(), 4U);
  EXPECT_TRUE(life.queue.intakes().empty());
}

TEST_F(IngestGroup, AFileThatVanishesBeforeItsMoveLeavesTheOthersAlone) {
  write_files(5);
  files.fail = [](const std::string& operation, const std::string& path) {
    if (operation == "move" && path.ends_with("incoming/3.jsonl")) std::filesystem::remove(path);
    return 0;
  };
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life), all_but(5, {3}));
  EXPECT_EQ(log.count("intake.vanished"), 1U);
  EXPECT_TRUE(life.queue.intakes().empty());
}

TEST_F(IngestGroup, AFileThatVanishesFromClaimedLeavesTheOthersAlone) {
  write_files(5);
  files.fail = [](const std::string& operation, const std::string& path) {
    if (operation == "open" && path.ends_with("claimed/3")) std::filesystem::remove(path);
    return operation == "open" && path.ends_with("claimed/3") ? ENOENT : 0;
  };
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life).size(), 4U);
  EXPECT_EQ(log.count("intake.vanished"), 1U);
  EXPECT_TRUE(life.queue.intakes().empty());
}

TEST_F(IngestGroup, AFileThatCannotBeMovedIsTriedAgainLater) {
  write_files(5);
  bool stuck = true;
  files.fail = [&](const std::string& operation, const std::string& path) {
    return stuck && operation == "move" && path.ends_with("2.jsonl") ? EPERM : 0;
  };
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life), all_but(5, {2}));
  EXPECT_EQ(names("incoming"), Names{"2.jsonl"});
  stuck = false;
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life), all_but(5, {}));
}

TEST_F(IngestGroup, NothingIsCheckedUntilTheFoldersAreSyncedAndThenAllIs) {
  for (const std::string refused : {"claimed", "incoming"}) {
    SCOPED_TRACE(refused);
    write_files(3);
    bool broken = true;
    files.fail = [&](const std::string& operation, const std::string& path) {
      return broken && operation == "sync_folder" && path.ends_with(refused) ? EIO : 0;
    };
    Life life(*this);
    const auto before = life.queue.jobs({}).size();
    life.advance(long_enough);
    EXPECT_EQ(life.queue.jobs({}).size(), before);
    EXPECT_EQ(life.queue.intakes().size(), 3U);
    broken = false;
    life.advance(long_enough);
    EXPECT_TRUE(life.queue.intakes().empty());
    if (before == 0) EXPECT_EQ(accepted_names(life), all_but(3, {}));
  }
  EXPECT_EQ(names("rejected").size(), 6U) << "the second time they were duplicates";
}

TEST_F(IngestGroup, AFileThatCannotBeSyncedWaitsAlone) {
  write_files(5);
  bool broken = true;
  files.fail = [&](const std::string& operation, const std::string& path) {
    return broken && operation == "sync" && path.find("claimed/3") != std::string::npos ? EIO : 0;
  };
  Life life(*this);
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life).size(), 4U);
  broken = false;
  life.advance(long_enough);
  EXPECT_EQ(accepted_names(life), all_but(5, {}));
}

TEST_F(IngestGroup, AFullDiskUnderTheDatabaseTakesAllOrNothing) {
  for (int fit = 0; fit < 40; ++fit) {
    SCOPED_TRACE(fit);
    write_files(4);
    Life life(*this);
    life.advance(a_moment);
    {
      const testing::FullDisk full(fit);
      for (int i = 0; i < 5; ++i) life.advance(long_enough);
      for (const auto& job : life.queue.jobs({})) EXPECT_EQ(life.queue.lines(job.id, 0, 10).size(), 1U);
    }
    life.advance(long_enough);
    EXPECT_FALSE(life.crashed());
    EXPECT_EQ(accepted_names(life), all_but(4, {}));
    EXPECT_TRUE(life.queue.intakes().empty());
    EXPECT_EQ(names("incoming"), Names{});
    life.stop();
    for (const auto& place : {config.paths.claimed(), config.paths.rejected(), config.paths.state}) {
      std::filesystem::remove_all(place);
      std::filesystem::create_directories(place);
    }
    if (HasFailure()) return;
  }
}

// Good, bad, packed, twice the same: in one group.
class IngestGroupCrash : public IngestGroup {
 protected:
  void start_anew() {
    for (const auto& path :
         {config.paths.incoming(), config.paths.claimed(), config.paths.rejected(), config.paths.state}) {
      std::filesystem::remove_all(path);
      std::filesystem::create_directories(path);
    }
    write_files(3);
    write("bad.jsonl", "bad");
    write("packed.jsonl.gz", gzip(request("packed")));
    write("twin.jsonl", request("id1"));
  }
  bool crash_once(int at, bool after) {
    files.operations = 0;
    files.crash_at = at;
    files.crash_after = after;
    Life life(*this);
    life.advance(long_enough);
    files.crash_at = 0;
    return life.crashed();
  }
  void expect_the_results() {
    Life life(*this);
    life.advance(long_enough);
    EXPECT_FALSE(life.crashed());
    EXPECT_TRUE(life.queue.intakes().empty());
    EXPECT_EQ(names("incoming"), Names{});
    // Which of the two with the same content came first is not promised after a crash.
    auto accepted = accepted_names(life);
    EXPECT_EQ(accepted.erase("1") + accepted.erase("twin"), 1U);
    EXPECT_EQ(accepted, (std::set<std::string>{"0", "2", "packed"}));
    EXPECT_EQ(names("claimed").size(), 4U);
    int originals = 0;
    for (const auto& name : names("rejected")) originals += name.ends_with(".error.json") ? 0 : 1;
    EXPECT_EQ(originals, 2);
  }
};

// Faults 40 to 42 and 59.
TEST_F(IngestGroupCrash, ACrashAtAnyOperationIsGoneOnFrom) {
  for (const bool after : {false, true}) {
    for (int at = 1;; ++at) {
      SCOPED_TRACE("crash " + std::string(after ? "after" : "before") + " operation " + std::to_string(at));
      start_anew();
      const bool crashed = crash_once(at, after);
      expect_the_results();
      if (!crashed || HasFailure()) break;
      ASSERT_LT(at, 500);
    }
  }
}

TEST_F(IngestGroupCrash, ASecondCrashDuringTheRecoveryToo) {
  for (int at = 1;; at += 3) {
    bool crashed = true;
    for (int again = 1; again <= 13; again += 4) {
      SCOPED_TRACE("crash at operation " + std::to_string(at) + ", then at " + std::to_string(again));
      start_anew();
      crashed = crash_once(at, true);
      crash_once(again, false);
      expect_the_results();
      if (HasFailure()) return;
    }
    if (!crashed) return;
    ASSERT_LT(at, 500);
  }
}

}  // namespace
}  // namespace offpeak
