// Tasks, bells and workers: everything that waits, in virtual time.
#include "base/task_group.hpp"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <thread>

#include "base/wakeup.hpp"
#include "base/worker.hpp"
#include "support/virtual_clock.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;

class Tasks : public ::testing::Test {
 protected:
  // Spawns and keeps what became of the task.
  Task<> sleeping(Duration duration, int& ended) {
    co_await sleep_for(clock_, duration);
    ++ended;
  }
  Task<> failing_after(Duration duration, const char* message) {
    co_await sleep_for(clock_, duration);
    throw std::runtime_error(message);
  }
  Task<> joining(TaskGroup& group, std::string& result) {
    try {
      co_await group.join();
      result = "joined";
    } catch (const boost::system::system_error& error) {
      result = error.code() == boost::asio::error::operation_aborted ? "aborted" : "other";
    } catch (const std::exception& error) {
      result = error.what();
    }
  }
  // A task with a group of its own, as every stage of the daemon has.
  Task<> nesting(int& ended, bool& left) {
    TaskGroup inner(context_.get_executor());
    inner.spawn("a", sleeping(1h, ended));
    inner.spawn("slow to stop", ignoring_cancellation(ended));
    std::exception_ptr failure;
    try {
      co_await inner.join();
    } catch (...) {
      failure = std::current_exception();
    }
    left = inner.size() == 0;
    if (failure) std::rethrow_exception(failure);
  }
  // Goes on for a while after it was asked to stop, as an upload past its last byte does.
  Task<> ignoring_cancellation(int& ended) {
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    co_await sleep_for(clock_, 10s);
    ++ended;
  }

  boost::asio::io_context context_;
  ::offpeak::testing::VirtualClock clock_{context_};
};

TEST_F(Tasks, JoinWaitsForAll) {
  int ended = 0;
  std::string result;
  TaskGroup group(context_.get_executor()), outer(context_.get_executor());
  group.spawn("a", sleeping(1s, ended));
  group.spawn("b", sleeping(2s, ended));
  outer.spawn("join", joining(group, result));
  clock_.advance(1s);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(result, "");
  clock_.advance(1s);
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(result, "joined");
  EXPECT_EQ(group.size() + outer.size(), 0U);
}

TEST_F(Tasks, TheFirstFailureStopsTheOthersAndIsRethrown) {
  int ended = 0;
  std::string result;
  TaskGroup group(context_.get_executor()), outer(context_.get_executor());
  group.spawn("sleeper", sleeping(1h, ended));
  group.spawn("first", failing_after(1s, "one"));
  group.spawn("second", failing_after(1s, "two"));
  outer.spawn("join", joining(group, result));
  clock_.advance(1s);
  EXPECT_EQ(result, "one");
  EXPECT_EQ(group.failed_task(), "first");
  EXPECT_EQ(ended, 0);
  EXPECT_TRUE(group.canceled());
}

TEST_F(Tasks, CancelIsNoFailureAndMayBeRepeated) {
  int ended = 0;
  std::string result;
  TaskGroup group(context_.get_executor()), outer(context_.get_executor());
  group.spawn("a", sleeping(1h, ended));
  outer.spawn("join", joining(group, result));
  clock_.run_until_idle();
  group.cancel();
  group.cancel();
  clock_.run_until_idle();
  EXPECT_EQ(result, "joined");
  EXPECT_EQ(ended, 0);
}

TEST_F(Tasks, SpawningIntoACanceledGroupStopsTheTaskAtItsFirstWait) {
  int ended = 0;
  TaskGroup group(context_.get_executor());
  group.cancel();
  group.spawn("late", sleeping(1h, ended));
  clock_.run_until_idle();
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(ended, 0);
}

TEST_F(Tasks, ACanceledJoinStillWaitsForEveryTask) {
  int ended = 0;
  bool left = false;
  TaskGroup outer(context_.get_executor());
  outer.spawn("nest", nesting(ended, left));
  clock_.run_until_idle();
  outer.cancel();
  clock_.run_until_idle();
  EXPECT_FALSE(left) << "one task is still running";
  EXPECT_EQ(outer.size(), 1U);
  clock_.advance(10s);
  EXPECT_TRUE(left);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(outer.size(), 0U);
}

class Bell : public Tasks {
 protected:
  Task<> waiting(Duration duration, std::string& result) {
    result = "waiting";
    result = co_await wakeup_.wait_for(duration) ? "notified" : "timed out";
  }
  Task<> counting(int& rings) {
    for (;;) {
      co_await wakeup_.wait();
      ++rings;
    }
  }
  Wakeup wakeup_{clock_, context_.get_executor()};
  std::string result_;
};

TEST_F(Bell, RungBeforeTheWaitIsNotLost) {
  wakeup_.notify();
  TaskGroup group(context_.get_executor());
  group.spawn("wait", waiting(1h, result_));
  clock_.run_until_idle();
  EXPECT_EQ(result_, "notified");
}

TEST_F(Bell, RungDuringTheWaitEndsIt) {
  TaskGroup group(context_.get_executor());
  group.spawn("wait", waiting(1h, result_));
  clock_.advance(59min);
  EXPECT_EQ(result_, "waiting");
  wakeup_.notify();
  clock_.run_until_idle();
  EXPECT_EQ(result_, "notified");
}

TEST_F(Bell, TheDeadlineEndsTheWaitToo) {
  TaskGroup group(context_.get_executor());
  group.spawn("wait", waiting(1h, result_));
  clock_.advance(1h);
  EXPECT_EQ(result_, "timed out");
}

TEST_F(Bell, ManyRingsAreOne) {
  int rings = 0;
  TaskGroup group(context_.get_executor());
  group.spawn("count", counting(rings));
  clock_.run_until_idle();
  for (int i = 0; i < 5; ++i) wakeup_.notify();
  clock_.run_until_idle();
  EXPECT_EQ(rings, 1);
  wakeup_.notify();
  clock_.run_until_idle();
  EXPECT_EQ(rings, 2);
  group.cancel();
  clock_.run_until_idle();
}

TEST_F(Bell, ACanceledWaitEndsTheTask) {
  TaskGroup group(context_.get_executor());
  group.spawn("wait", waiting(1h, result_));
  clock_.run_until_idle();
  group.cancel();
  clock_.run_until_idle();
  EXPECT_EQ(result_, "waiting");
  EXPECT_EQ(group.size(), 0U);
}

class Workers : public Tasks {
 protected:
  static Task<> running(Worker& worker, std::string& result, std::thread::id& ran_on, std::thread::id& resumed_on) {
    const auto function = [&ran_on] {
      ran_on = std::this_thread::get_id();
      return std::make_unique<std::string>("done");
    };
    auto text = co_await worker.run(function);
    resumed_on = std::this_thread::get_id();
    result = *text;
    try {
      co_await worker.run(&Workers::fail);
    } catch (const std::runtime_error& error) {
      result += std::string(", ") + error.what();
    }
    const auto value = [] { return fail_with_a_value(); };
    try {
      co_await worker.run(value);
    } catch (const std::runtime_error& error) {
      result += std::string(", ") + error.what();
    }
  }
  static Task<> canceled_while_running(Worker& worker, TaskGroup& group, bool& finished, bool& went_on) {
    const auto function = [&finished] {
      finished = true;
      return 1;
    };
    group.cancel();
    co_await worker.run(function);
    went_on = true;
  }
  static void fail() { throw std::runtime_error("failed"); }
  static int fail_with_a_value() { throw std::runtime_error("failed too"); }
};

TEST_F(Workers, RunAwayFromTheCallerAndComeBack) {
  std::string result;
  std::thread::id ran_on, resumed_on;
  Worker worker;
  TaskGroup group(context_.get_executor());
  group.spawn("run", running(worker, result, ran_on, resumed_on));
  context_.run();
  EXPECT_EQ(result, "done, failed, failed too");
  EXPECT_NE(ran_on, std::this_thread::get_id());
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

TEST_F(Workers, InlineOnesStayOnTheCallersThread) {
  std::string result;
  std::thread::id ran_on, resumed_on;
  Worker worker(context_.get_executor());
  TaskGroup group(context_.get_executor());
  group.spawn("run", running(worker, result, ran_on, resumed_on));
  clock_.run_until_idle();
  EXPECT_EQ(result, "done, failed, failed too");
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(Workers, ACanceledCallerDoesNotStopTheFunction) {
  bool finished = false, went_on = false;
  Worker worker(context_.get_executor());
  TaskGroup group(context_.get_executor());
  group.spawn("run", canceled_while_running(worker, group, finished, went_on));
  clock_.run_until_idle();
  EXPECT_TRUE(finished);
  EXPECT_EQ(group.size(), 0U);
}

}  // namespace
}  // namespace offpeak
