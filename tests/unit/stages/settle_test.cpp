// Lost answers in the middle of a life: everything that the guard, pack, submit, settle, poll and results do about them
// together, judged by what the simulated provider billed (product contract 6.5, 6.6; faults 3, 4, 39).
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "sim/script.hpp"
#include "support/full_disk.hpp"
#include "support/rig.hpp"

namespace offpeak {
namespace {

using offpeak::testing::FullDisk;
using offpeak::testing::Rig;
using std::chrono::hours;
using std::chrono::minutes;

std::vector<sim::FaultRule> faults(std::string_view json) {
  auto parsed = sim::parse_faults(json);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  return *parsed;
}

class Settling : public ::testing::Test {
 protected:
  static std::string plain(int) { return "hello"; }
  static void expect_paid_once(Rig& rig, std::int64_t job, std::size_t requests) {
    const auto lines = rig.result_lines(job);
    ASSERT_EQ(lines.size(), requests) << rig.log.text();
    for (const auto& line : lines) EXPECT_EQ(json_path(line, {"result", "type"}), "\"succeeded\"");
    EXPECT_EQ(rig.totals().contents_billed_twice, 0u) << rig.log.text();
    EXPECT_EQ(rig.totals().contents_overlapped, 0u);
  }
};

// The walk ends at the newest batch of before the create, and not before it.
TEST_F(Settling, ALostAnswerOfALaterBatchIsFoundToo) {
  Rig rig(faults(R"([{"on":"create","nth":2,"do":{"action":"lose_answer","when":"after"}}])"));
  rig.drop_requests("first.jsonl", 5, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(1)));
  rig.drop_requests("second.jsonl", 7, plain);
  ASSERT_TRUE(rig.run_until_done(hours(2))) << rig.log.text();
  EXPECT_EQ(rig.provider->creates, 2);
  expect_paid_once(rig, 2, 7);
}

// The list cannot be read for longer than settle_unknown: nothing is concluded from that.
TEST_F(Settling, WhileTheListFailsNothingIsConcluded) {
  Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
                     {"on":"list","from":3,"to":40,"do":{"action":"error","status":500}}])"));
  rig.drop_requests("job.jsonl", 6, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(12))) << rig.log.text();
  EXPECT_EQ(rig.provider->creates, 1);
  EXPECT_FALSE(rig.log.has("intent.not_created"));
  expect_paid_once(rig, 1, 6);
}

TEST_F(Settling, ARestartWhileTheOutcomeIsUnknownChangesNothing) {
  for (int seconds = 5; seconds < 240; seconds += 45) {
    Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
                       {"on":"create","nth":1,"do":{"action":"lag","for":"3m"}}])"));
    SCOPED_TRACE(seconds);
    rig.drop_requests("job.jsonl", 6, plain);
    rig.start();
    const int before = [&] {
      rig.clock.advance(std::chrono::seconds(seconds));
      return rig.provider->creates;
    }();
    rig.restart();
    ASSERT_TRUE(rig.run_until_done(hours(12))) << rig.log.text();
    EXPECT_EQ(before + rig.provider->creates, 1);
    expect_paid_once(rig, 1, 6);
  }
}

// Fault 39: the database's disk is full for a while, in the middle of everything.
TEST_F(Settling, AFullDiskAtAnyMomentIsWaitedOut) {
  for (int seconds = 1; seconds < 90; seconds += 8) {
    Rig rig;
    SCOPED_TRACE(seconds);
    rig.config.batch.max_requests = 3;
    rig.drop_requests("job.jsonl", 9, plain);
    rig.start();
    rig.clock.advance(std::chrono::seconds(seconds));
    {
      FullDisk full(2);
      rig.clock.advance(minutes(2));
    }
    ASSERT_TRUE(rig.run_until_done(hours(12))) << rig.log.text();
    expect_paid_once(rig, 1, 9);
  }
}

}  // namespace
}  // namespace offpeak
