#include "base/state_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "support/rig.hpp"
#include "support/virtual_clock.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using offpeak::testing::MemoryLog;
using offpeak::testing::VirtualClock;

struct StateLogWorld : ::testing::Test {
  boost::asio::io_context context;
  VirtualClock clock{context};
  MemoryLog log;
  StateLog state{log, clock, LogLevel::warning, "poll.failed", "poll.works_again"};

  void lasts(std::string_view about, std::string_view reason) {
    state.lasts(about, reason, {{"about", about}, {"reason", reason}});
  }
  int count(const std::string& text) const {
    const auto all = log.text();
    int found = 0;
    for (auto at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++found;
    return found;
  }
};

TEST_F(StateLogWorld, TellsTheBeginAndTheEndOnce) {
  for (int i = 0; i < 100; ++i) {
    lasts("a", "refused");
    clock.advance(10s);
  }
  state.ended("a");
  state.ended("a");
  EXPECT_EQ(count("poll.failed"), 1) << log.text();
  EXPECT_EQ(count("poll.works_again"), 1) << log.text();
  EXPECT_THAT(log.text(), ::testing::HasSubstr("times=100"));
}

TEST_F(StateLogWorld, TellsItAgainEachHour) {
  for (int i = 0; i < 3 * 60; ++i) {
    lasts("a", "refused");
    clock.advance(1min);
  }
  EXPECT_EQ(count("poll.failed"), 3) << log.text();
}

TEST_F(StateLogWorld, TellsAnotherReasonButNotEachTimeThatTwoTakeTurns) {
  lasts("a", "HTTP 503");
  clock.advance(2min);
  lasts("a", "HTTP 401");
  EXPECT_EQ(count("poll.failed"), 2) << log.text();
  for (int i = 0; i < 50; ++i) {
    clock.advance(1s);
    lasts("a", i % 2 == 0 ? "HTTP 503" : "HTTP 401");
  }
  EXPECT_EQ(count("poll.failed"), 2) << log.text();
}

TEST_F(StateLogWorld, KeepsSeveralApart) {
  lasts("a", "x");
  lasts("b", "x");
  state.ended("a");
  lasts("a", "x");
  lasts("b", "x");
  EXPECT_EQ(count("poll.failed"), 3) << log.text();
  EXPECT_EQ(count("poll.works_again"), 1) << log.text();
}

TEST_F(StateLogWorld, SaysNothingOfAnEndWithoutABegin) {
  state.ended("a");
  EXPECT_EQ(log.text(), "");
}

}  // namespace
}  // namespace offpeak
