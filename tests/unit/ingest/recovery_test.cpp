// faults.md 40-42 and 59 for ingest: the process dies before or after each operation on files, and the next
// one goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ingest/compressed.hpp"
#include "tests/unit/ingest/ingest_fixture.hpp"
#include "tests/unit/ingest/ingest_helpers.hpp"

namespace offpeak {
namespace {

struct Scenario {
  const char* name;
  std::string file;
  std::string content;
  bool good;
};

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += request("id" + std::to_string(i)) + "\n";
  return text;
}

class RecoveryTest : public IngestFixture, public ::testing::WithParamInterface<Scenario> {
 protected:
  // One life with a crash at operation `at`; false where it came to the end without it.
  bool crash_once(int at, bool after) {
    files.operations = 0;
    files.crash_at = at;
    files.crash_after = after;
    Life life(*this);
    life.advance(long_enough);
    files.crash_at = 0;
    return life.crashed();
  }

  void expect_the_one_result(Life& life) {
    EXPECT_FALSE(life.crashed());
    EXPECT_TRUE(life.queue.intakes().empty());
    EXPECT_EQ(names("incoming"), Names{});
    const auto jobs = life.queue.jobs({});
    if (GetParam().good) {
      ASSERT_EQ(jobs.size(), 1U);
      EXPECT_EQ(jobs[0].requests, 1100);
      EXPECT_EQ(jobs[0].counts[RequestState::pending], 1100);
      EXPECT_EQ(life.queue.lines(jobs[0].id, 0, 5000).size(), 1100U);
      EXPECT_EQ(names("claimed"), Names{jobs[0].data_name});
      EXPECT_EQ(folder.read("spool/claimed/" + jobs[0].data_name), lines(1100));
      EXPECT_EQ(names("rejected"), Names{});
      return;
    }
    EXPECT_TRUE(jobs.empty());
    EXPECT_EQ(names("claimed"), Names{});
    int originals = 0;
    for (const auto& name : names("rejected")) {
      if (name.ends_with(".error.json")) continue;
      ++originals;
      EXPECT_TRUE(names("rejected").contains(name + ".error.json"));
      EXPECT_EQ(folder.read("spool/rejected/" + name), GetParam().content);
    }
    EXPECT_EQ(originals, 1);
    const auto records = life.queue.rejected({}, "");
    ASSERT_EQ(records.size(), 1U);
    EXPECT_EQ(records[0].file, GetParam().file);
    EXPECT_TRUE(names("rejected").contains(records[0].stored)) << records[0].stored;
    EXPECT_EQ(records[0].error_count, 1);
    EXPECT_NE(records[0].errors.find("\"line\":1101,"), std::string::npos) << records[0].errors;
    drop(life, "good.jsonl", request("good"));
    life.advance(long_enough);
    ASSERT_EQ(life.accepted.size(), 1U);
    EXPECT_EQ(life.accepted[0], JobId{1}) << "a rejected file uses no number up";
    EXPECT_TRUE(life.queue.audit(std::nullopt).ok());
  }

  void start_anew() {
    for (const auto& path :
         {config.paths.incoming(), config.paths.claimed(), config.paths.rejected(), config.paths.state}) {
      std::filesystem::remove_all(path);
      std::filesystem::create_directories(path);
    }
    write(GetParam().file, GetParam().content);
  }
};

TEST_P(RecoveryTest, ACrashAtAnyOperationIsGoneOnFrom) {
  for (const bool after : {false, true}) {
    for (int at = 1;; ++at) {
      SCOPED_TRACE("crash " + std::string(after ? "after" : "before") + " operation " + std::to_string(at));
      start_anew();
      const bool crashed = crash_once(at, after);
      Life life(*this);
      life.advance(long_enough);
      expect_the_one_result(life);
      if (!crashed || HasFailure()) break;
      ASSERT_LT(at, 500);
    }
  }
}

TEST_P(RecoveryTest, ASecondCrashDuringTheRecoveryToo) {
  for (int at = 1;; at += 4) {
    for (int again = 1; again <= 9; again += 4) {
      SCOPED_TRACE("crash at operation " + std::to_string(at) + ", then at " + std::to_string(again));
      start_anew();
      const bool crashed = crash_once(at, true);
      crash_once(again, false);
      Life life(*this);
      life.advance(long_enough);
      expect_the_one_result(life);
      if (!crashed || HasFailure()) return;
    }
    ASSERT_LT(at, 500);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, RecoveryTest,
                         ::testing::Values(Scenario{"Plain", "a.jsonl", lines(1100), true},
                                           Scenario{"Packed", "a.jsonl.gz", gzip(lines(1100)), true},
                                           Scenario{"Bad", "a.jsonl", lines(1100) + "bad", false},
                                           Scenario{"BadPacked", "a.jsonl.zst", zstd(lines(1100) + "bad"), false}),
                         [](const auto& scenario) { return scenario.param.name; });

}  // namespace
}  // namespace offpeak
