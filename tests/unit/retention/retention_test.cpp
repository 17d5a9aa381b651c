// Retention in virtual time: what finished long ago leaves, and nothing that is still asked about.
#include "retention/retention.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "sim/script.hpp"
#include "support/rig.hpp"

namespace offpeak {
namespace {

namespace fs = std::filesystem;
using offpeak::testing::Rig;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

std::string plain(int) { return "hello"; }

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Scans of incoming/ are what a virtual month costs.
struct QuietRig : Rig {
  explicit QuietRig(std::vector<sim::FaultRule> faults = {}) : Rig(std::move(faults)) {
    config.intake.rescan = hours(6);
  }
};

void finish_a_job(Rig& rig, const std::string& name, int requests) {
  rig.drop_requests(name, requests, plain);
  rig.clock.advance(hours(7));
  ASSERT_TRUE(rig.run_until_done(hours(48))) << rig.log.text();
}

void expect_sound(Rig& rig) {
  const auto report = rig.queue->audit(std::nullopt);
  for (const auto& problem : report.problems) ADD_FAILURE() << problem;
}

TEST(RoundInterval, IsAnEighthBetweenASecondAndAnHour) {
  EXPECT_EQ(round_interval(days(30)), hours(1));
  EXPECT_EQ(round_interval(minutes(8)), minutes(1));
  EXPECT_EQ(round_interval(Duration(0)), Duration(1000));
}

TEST(Retention, AFinishedJobStaysForItsTimeAndThenLeaves) {
  QuietRig rig;
  rig.start();
  finish_a_job(rig, "a.jsonl", 3000);
  rig.clock.advance(days(29));
  EXPECT_EQ(rig.jobs().size(), 1u);
  EXPECT_EQ(files_in(rig.config.paths.claimed()), 1u);
  rig.clock.advance(days(2));
  EXPECT_TRUE(rig.jobs().empty());
  EXPECT_EQ(files_in(rig.config.paths.claimed()), 0u);
  EXPECT_EQ(files_in(rig.config.paths.downloads()), 0u);
  EXPECT_TRUE(rig.queue->outcomes(JobId{1}, 0, 3000).empty());
  EXPECT_TRUE(rig.queue->batches({}).empty());
  EXPECT_EQ(rig.result_lines(1).size(), 3000u) << "results are the user's";
  expect_sound(rig);
}

TEST(Retention, TheSameContentIsStillADuplicate) {
  QuietRig rig;
  rig.start();
  finish_a_job(rig, "a.jsonl", 20);
  rig.clock.advance(days(31));
  ASSERT_TRUE(rig.jobs().empty());
  const auto creates = rig.provider->creates;
  rig.drop_requests("a.jsonl", 20, plain);
  rig.clock.advance(hours(7));
  EXPECT_EQ(rig.provider->creates, creates);
  EXPECT_TRUE(fs::exists(rig.config.paths.rejected() + "/a.jsonl.error.json"));
}

// By such a clock every date is long past. The last ten thousand contents are remembered all the same.
TEST(Retention, AClockThatWasFarAheadMakesNoContentNew) {
  QuietRig rig;
  rig.start();
  finish_a_job(rig, "a.jsonl", 20);
  rig.clock.advance(days(31));
  ASSERT_TRUE(rig.jobs().empty());
  rig.clock.jump_wall(days(3650));
  rig.clock.advance(days(1));
  const auto creates = rig.provider->creates;
  rig.drop_requests("a.jsonl", 20, plain);
  rig.clock.advance(hours(7));
  EXPECT_EQ(rig.provider->creates, creates);
  EXPECT_TRUE(fs::exists(rig.config.paths.rejected() + "/a.jsonl.error.json"));
}

TEST(Retention, ASharedBatchStaysUntilItsLastJobLeaves) {
  QuietRig rig;
  rig.config.retention.jobs = days(1);
  rig.config.retry.backoff = rig.config.retry.max_backoff = hours(6);
  rig.start();
  rig.drop_requests("a.jsonl", 20, plain);
  rig.drop_requests("b.jsonl", 20,
                    [](int i) -> std::string { return i == 7 ? "[[errored:overloaded_error:1]]" : "x"; });
  ASSERT_TRUE(rig.run_until_done(hours(96))) << rig.log.text();
  ASSERT_EQ(rig.jobs().size(), 2u);
  while (rig.jobs().size() == 2) rig.clock.advance(minutes(10));
  ASSERT_EQ(rig.jobs().size(), 1u);
  EXPECT_FALSE(rig.queue->batches_of(rig.jobs().front().id).empty());
  expect_sound(rig);
  rig.clock.advance(days(2));
  EXPECT_TRUE(rig.jobs().empty());
  EXPECT_TRUE(rig.queue->batches({}).empty());
  EXPECT_EQ(files_in(rig.config.paths.downloads()), 0u);
}

TEST(Retention, NothingLeavesThatTheAuditMayAskAbout) {
  auto faults = sim::parse_faults(R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"instead"}}])");
  QuietRig rig(faults.value());
  rig.config.retention.jobs = minutes(10);
  rig.start();
  finish_a_job(rig, "a.jsonl", 20);
  EXPECT_FALSE(rig.queue->jobs({}).empty()) << "its first create was settled as not created: lists are still compared";
  rig.clock.advance(hours(30));
  EXPECT_TRUE(rig.queue->jobs({}).empty());
}

TEST(Retention, GoesOnAfterACrashBetweenBytesAndRows) {
  QuietRig rig;
  rig.start();
  finish_a_job(rig, "a.jsonl", 20);
  fs::remove(rig.config.paths.claimed() + "/1");
  rig.restart();
  rig.clock.advance(days(31));
  EXPECT_TRUE(rig.jobs().empty());
}

// Long life: with a constant number of jobs the file of the tenth week is no larger than that of the third.
TEST(Retention, TheDatabaseDoesNotGrowForEver) {
  QuietRig rig;
  rig.config.retention.jobs = days(2);
  rig.start();
  std::uintmax_t settled = 0;
  for (int day = 0; day < 20; ++day) {
    for (int job = 0; job < 3; ++job) {
      rig.drop_requests("d" + std::to_string(day) + "-" + std::to_string(job) + ".jsonl", 200, plain);
    }
    rig.clock.advance(days(1));
    rig.restart();  // the write-ahead log goes into the file
    const auto size = fs::file_size(rig.config.paths.database());
    if (day == 6) settled = size;
    if (day > 6) EXPECT_LE(size, settled + settled / 10) << "day " << day;
  }
  EXPECT_LE(rig.jobs().size(), 9u);
  expect_sound(rig);
  EXPECT_EQ(rig.totals().contents_billed_twice, 0u);
}

}  // namespace
}  // namespace offpeak
