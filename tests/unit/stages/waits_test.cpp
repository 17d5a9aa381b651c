// Whatever waits says why: every stage in virtual time, and at each moment of a job's life what its user reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/script.hpp"
#include "support/rig.hpp"

namespace offpeak {
namespace {

using offpeak::testing::Rig;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::vector<sim::FaultRule> faults(std::string_view json) {
  auto parsed = sim::parse_faults(json);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  return *parsed;
}

std::string plain(int) { return "hello"; }

Health health(Rig& rig) { return health_of(rig.waits()); }

// Looks at every step of the way: which kinds of waits the job had.
std::set<WaitKind> kinds_until_done(Rig& rig, Duration most) {
  std::set<WaitKind> kinds;
  const auto end = rig.clock.now() + most;
  while (rig.clock.now() < end) {
    for (const auto& job : rig.jobs()) {
      if (job.done_at) return kinds;
      const auto wait = rig.wait_of(job.id);
      EXPECT_TRUE(wait && !wait->what.empty()) << rig.log.text();
      if (wait) kinds.insert(wait->kind);
    }
    rig.clock.advance(500ms);
  }
  ADD_FAILURE() << "not done\n" << rig.log.text();
  return kinds;
}

TEST(SaysWhy, AJobAtEveryStepOfItsWay) {
  Rig rig;
  rig.drop_requests("job.jsonl", 5, plain);
  rig.start();
  const auto kinds = kinds_until_done(rig, 24h);
  EXPECT_TRUE(kinds.contains(WaitKind::linger)) << rig.log.text();
  EXPECT_TRUE(kinds.contains(WaitKind::batch)) << rig.log.text();
  EXPECT_EQ(health(rig), Health::ok);
  EXPECT_TRUE(rig.waits().empty());
}

TEST(SaysWhy, AKeyThatIsRefusedOnTheListPausesTheAccountUntilItWorks) {
  Rig rig(faults(R"([{"on":"list","from":1,"to":6,"do":{"action":"error","status":401}}])"));
  rig.drop_requests("job.jsonl", 5, plain);
  rig.start();
  rig.clock.advance(20s);
  ASSERT_TRUE(rig.account().paused) << rig.log.text();
  EXPECT_EQ(health(rig), Health::needs_human);
  const auto wait = rig.wait_of(JobId{1});
  ASSERT_TRUE(wait);
  EXPECT_EQ(wait->kind, WaitKind::account) << wait->what;
  EXPECT_THAT(wait->what, HasSubstr("401"));
  EXPECT_THAT(wait->what, HasSubstr("api_key_file"));
  EXPECT_TRUE(wait->next_action_at);
  ASSERT_TRUE(rig.run_until_done(24h)) << rig.log.text();
  EXPECT_FALSE(rig.account().paused);
  EXPECT_EQ(health(rig), Health::ok);
}

TEST(SaysWhy, AKeyThatIsRefusedWhileABatchIsInFlight) {
  Rig rig(faults(R"([{"on":"list","from":3,"to":20,"do":{"action":"error","status":401}}])"));
  rig.drop_requests("job.jsonl", 5, plain);
  rig.start();
  ASSERT_TRUE(rig.clock.advance_until([&] { return rig.account().paused; }, 24h)) << rig.log.text();
  EXPECT_EQ(rig.provider->creates, 1);
  EXPECT_EQ(health(rig), Health::needs_human);
  ASSERT_TRUE(rig.run_until_done(24h)) << rig.log.text();
  EXPECT_EQ(health(rig), Health::ok);
}

TEST(SaysWhy, AProviderThatIsAwayIsDegradedAfterAMinute) {
  Rig rig(faults(R"([{"on":"list","from":3,"to":30,"do":{"action":"error","status":503}}])"));
  rig.drop_requests("job.jsonl", 5, plain);
  rig.start();
  const auto fails = [&] {
    const auto waits = rig.waits();
    return std::ranges::any_of(waits, [](const Wait& wait) { return wait.kind == WaitKind::provider; });
  };
  ASSERT_TRUE(rig.clock.advance_until(fails, 24h)) << rig.log.text();
  EXPECT_EQ(health(rig), Health::ok);
  rig.clock.advance(61s);
  EXPECT_EQ(health(rig), Health::degraded);
  ASSERT_TRUE(rig.run_until_done(24h)) << rig.log.text();
  EXPECT_EQ(health(rig), Health::ok);
}

TEST(SaysWhy, ALostAnswerHasAVerdictAtTheLatest) {
  Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"instead"}}])"));
  rig.drop_requests("job.jsonl", 5, plain);
  rig.start();
  const auto unknown = [&] {
    const auto wait = rig.wait_of(JobId{1});
    return wait && wait->kind == WaitKind::unknown_create && wait->until;
  };
  ASSERT_TRUE(rig.clock.advance_until(unknown, 24h)) << rig.log.text();
  const auto wait = *rig.wait_of(JobId{1});
  EXPECT_THAT(wait.what, HasSubstr("offpeak reconcile intent-1"));
  const auto settled = [&] { return rig.queue->unknown_intents().empty(); };
  ASSERT_TRUE(rig.clock.advance_until(settled, 24h));
  EXPECT_LE(rig.clock.now(), *wait.until);
  EXPECT_GE(rig.clock.now() + 5min, *wait.until);
}

TEST(SaysWhy, ResultsThatCannotBeWritten) {
  Rig rig;
  rig.drop_requests("job.jsonl", 5, plain);
  rig.start();
  std::filesystem::remove_all(rig.config.paths.results());
  {
    std::ofstream in_the_way(rig.config.paths.results());
  }
  const auto fails = [&] {
    const auto wait = rig.wait_of(JobId{1});
    return wait && wait->kind == WaitKind::writing_fails;
  };
  ASSERT_TRUE(rig.clock.advance_until(fails, 24h)) << rig.log.text();
  EXPECT_TRUE(rig.wait_of(JobId{1})->next_action_at);
  EXPECT_EQ(health(rig), Health::degraded);
  std::filesystem::remove_all(rig.config.paths.results());
  std::filesystem::create_directories(rig.config.paths.results());
  ASSERT_TRUE(rig.run_until_done(24h)) << rig.log.text();
  EXPECT_EQ(health(rig), Health::ok);
}

}  // namespace
}  // namespace offpeak
