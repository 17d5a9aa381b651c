#include "provider/call_budget.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const SteadyTime start = SteadyTime(std::chrono::hours(1));

TEST(CallBudget, ABurstIsFreeAndThenCallsAreSpread) {
  CallBudget budget(CallLimits(), start);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(budget.ready_at(start), start);
    budget.take(start);
  }
  const auto next = budget.ready_at(start);
  EXPECT_GT(next, start + milliseconds(99));
  EXPECT_LT(next, start + milliseconds(101));
  EXPECT_LE(budget.ready_at(next), next);
}

TEST(CallBudget, NeverMoreThanTheLimitInAnyMinute) {
  CallBudget budget(CallLimits(), start);
  auto now = start;
  int calls = 0;
  while (now < start + minutes(10)) {
    const auto at = budget.ready_at(now);
    if (at > now) {
      now = at;
      continue;
    }
    budget.take(now);
    ++calls;
  }
  EXPECT_LE(calls, 10 * 600 + 10);
  EXPECT_GE(calls, 10 * 600 - 10);
}

TEST(CallBudget, IdleTimeDoesNotPileUp) {
  CallBudget budget(CallLimits(), start);
  const auto later = start + minutes(60);
  int calls = 0;
  for (; budget.ready_at(later) <= later; ++calls) budget.take(later);
  EXPECT_EQ(calls, 10);
}

TEST(CallBudget, RetryAfterClosesTheGate) {
  CallBudget budget(CallLimits(), start);
  budget.throttled(start, Duration(30'000), 0.5);
  EXPECT_EQ(budget.ready_at(start), start + seconds(30));
  EXPECT_EQ(budget.ready_at(start + seconds(29)), start + seconds(30));
  EXPECT_EQ(budget.ready_at(start + seconds(30)), start + seconds(30));
  EXPECT_EQ(budget.ready_at(start + seconds(31)), start + seconds(31));
}

TEST(CallBudget, ARetryAfterIsBounded) {
  CallBudget budget(CallLimits(), start);
  budget.throttled(start, std::chrono::hours(5), 0.5);
  EXPECT_EQ(budget.ready_at(start), start + minutes(10));
}

TEST(CallBudget, AShorterWaitDoesNotOpenTheGate) {
  CallBudget budget(CallLimits(), start);
  budget.throttled(start, Duration(30'000), 0.5);
  budget.throttled(start, Duration(1'000), 0.5);
  budget.succeeded();
  EXPECT_EQ(budget.ready_at(start), start + seconds(30));
}

TEST(CallBudget, WithoutRetryAfterTheWaitDoublesUpToItsMost) {
  CallBudget budget(CallLimits(), start);
  auto now = start;
  for (const int expected : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    budget.throttled(now, std::nullopt, 0.9999);
    const auto wait = budget.ready_at(now) - now;
    EXPECT_GT(wait, milliseconds(expected * 990));
    EXPECT_LE(wait, seconds(expected));
    now = budget.ready_at(now);
  }
  budget.succeeded();
  budget.throttled(now, std::nullopt, 0);
  EXPECT_EQ(budget.ready_at(now), now + milliseconds(500));
}

TEST(CallBudget, GateAndTokensBothCount) {
  CallLimits limits;
  limits.calls_per_minute = 60;
  limits.burst = 1;
  CallBudget budget(limits, start);
  budget.take(start);
  budget.throttled(start, Duration(100), 0);
  EXPECT_GE(budget.ready_at(start), start + seconds(1));
  budget.throttled(start, Duration(5000), 0);
  EXPECT_EQ(budget.ready_at(start), start + seconds(5));
}

TEST(CallBudget, AClockThatStandsStillIsNoHarm) {
  CallBudget budget(CallLimits(), start);
  for (int i = 0; i < 1000; ++i) budget.take(start - seconds(1));
  EXPECT_GT(budget.ready_at(start), start + seconds(90));
}

}  // namespace
}  // namespace offpeak
