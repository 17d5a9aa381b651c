// RFC 3339 there and back, and the machine's clock.
#include "base/clock.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/task_group.hpp"
#include "base/wakeup.hpp"

namespace offpeak {
namespace {

TEST(Rfc3339, IsWrittenInUtcWithMillisecondsWhereThereAreSome) {
  EXPECT_EQ(to_rfc3339(from_millis(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_millis(1'767'225'923'250)), "2026-01-01T00:05:23.250Z");
  EXPECT_EQ(to_rfc3339(from_millis(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, IsReadInEveryShapeTheProviderSends) {
  const auto millis = [](std::string_view text) {
    const auto instant = parse_rfc3339(text);
    return instant ? to_millis(*instant) : -1;
  };
  EXPECT_EQ(millis("2026-01-01T00:05:23Z"), 1'767'225'923'000);
  EXPECT_EQ(millis("2026-01-01t00:05:23.25z"), 1'767'225'923'250);
  EXPECT_EQ(millis("2026-01-01T00:05:23.250999+00:00"), 1'767'225'923'250);
  EXPECT_EQ(millis("2026-01-01T01:35:23+01:30"), 1'767'225'923'000);
  EXPECT_EQ(millis("2025-12-31T19:05:23-05:00"), 1'767'225'923'000);
  EXPECT_EQ(millis("2024-02-29T00:00:00Z"), 1'709'164'800'000);
  EXPECT_EQ(millis("2026-12-31T23:59:60Z"), millis("2027-01-01T00:00:00Z")) << "a leap second";
}

TEST(Rfc3339, NonsenseIsRefused) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv,
                          "2026-01-01"sv,
                          "2026-01-01T00:00:00"sv,
                          "2026-01-01 00:00:00Z"sv,
                          "2026-02-29T00:00:00Z"sv,
                          "2026-13-01T00:00:00Z"sv,
                          "2026-00-01T00:00:00Z"sv,
                          "2026-01-32T00:00:00Z"sv,
                          "2026-01-01T24:00:00Z"sv,
                          "2026-01-01T00:60:00Z"sv,
                          "2026-01-01T00:00:61Z"sv,
                          "2026-01-01T00:00:00.Z"sv,
                          "2026-01-01T-0:00:00Z"sv,
                          "2026\r01\r01T00:00:00Z"sv,
                          "2026-01-01T00\x1A"
                          "00:00Z"sv,
                          "2026-01-01T00:00:00+24:00"sv,
                          "2026-01-01T00:00:00+00:60"sv,
                          "2026-01-01T00:00:00+0000"sv,
                          "2026-01-01T00:00:00ZZ"sv,
                          "26-01-01T00:00:00Z"sv,
                          "+026-01-01T00:00:00Z"sv,
                          "null"sv}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, WhatIsWrittenCanBeRead) {
  for (std::int64_t millis = -2'000'000'000'000; millis < 4'000'000'000'000; millis += 34'567'890'123) {
    EXPECT_EQ(parse_rfc3339(to_rfc3339(from_millis(millis))), from_millis(millis));
  }
}

SteadyTime since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return SteadyTime(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

TEST(SystemClock, GoesOnWhileTheMachineIsSuspended) {
  const auto before = since_boot();
  const auto now = SystemClock().steady_now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, since_boot());
}

// Descriptors of this process that ring by CLOCK_BOOTTIME (7), proc(5).
int boot_timers() {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    found += text.str().find("clockid: 7\n") != std::string::npos ? 1 : 0;
  }
  return found;
}

Task<> wait_until(Wakeup* bell, SteadyTime deadline, std::optional<bool>* notified) {
  *notified = co_await bell->wait_until(deadline);
}

struct SystemClockWaits : testing::Test {
  void spawn(Wakeup& bell, SteadyTime deadline, std::optional<bool>& notified) {
    group.spawn("wait", wait_until(&bell, deadline, &notified));
  }
  boost::asio::io_context io;
  SystemClock clock;
  Wakeup first{clock, io.get_executor()}, second{clock, io.get_executor()};
  std::optional<bool> one, two;
  TaskGroup group{io.get_executor()};
};

TEST_F(SystemClockWaits, ADeadlineRingsByTheClockThatCountsSuspension) {
  EXPECT_EQ(boot_timers(), 0);
  spawn(first, clock.steady_now() + std::chrono::hours(1), one);
  io.poll();
  EXPECT_EQ(boot_timers(), 1);
  first.notify();
  io.run();  // ends by itself: nothing waits any more
  EXPECT_EQ(one, true);
}

TEST_F(SystemClockWaits, ADeadlineThatHasPassedIsNoNotice) {
  spawn(first, clock.steady_now() + std::chrono::milliseconds(2), one);
  io.run();
  EXPECT_EQ(one, false);
}

TEST_F(SystemClockWaits, TheSoonestOfSeveralRingsFirst) {
  spawn(first, clock.steady_now() + std::chrono::hours(1), one);
  spawn(second, clock.steady_now() + std::chrono::milliseconds(2), two);
  while (!two) io.run_one();
  EXPECT_EQ(two, false);
  EXPECT_FALSE(one);
  EXPECT_EQ(boot_timers(), 1);
  first.notify();
  io.run();
  EXPECT_EQ(one, true);
}

TEST_F(SystemClockWaits, WhatIsOverAlreadyDoesNotWait) {
  spawn(first, SteadyTime(), one);
  io.run();
  EXPECT_EQ(one, false);
}

TEST_F(SystemClockWaits, WithoutADeadlineNoTimerIsMade) {
  spawn(first, SteadyTime::max(), one);
  io.poll();
  EXPECT_EQ(boot_timers(), 0);
  first.notify();
  io.run();
  EXPECT_EQ(one, true);
}

TEST_F(SystemClockWaits, OneClockRingsAgainAndAgain) {
  for (int i = 0; i < 20; ++i) {
    one.reset();
    two.reset();
    spawn(first, clock.steady_now() + std::chrono::microseconds(300), one);
    spawn(second, clock.steady_now() + std::chrono::microseconds(500), two);
    io.restart();
    io.run();
    EXPECT_EQ(one, false);
    EXPECT_EQ(two, false);
  }
}

TEST_F(SystemClockWaits, ACanceledWaitIsGone) {
  spawn(first, clock.steady_now() + std::chrono::hours(1), one);
  io.poll();
  group.cancel();
  io.run();
  EXPECT_EQ(group.size(), 0U);
  EXPECT_FALSE(one);
}

}  // namespace
}  // namespace offpeak
