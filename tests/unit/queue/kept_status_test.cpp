// The status is answered while the database worker is busy, and is that of the last commit all the same.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <future>

#include "queue_world.hpp"
#include "support/virtual_clock.hpp"

namespace offpeak::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 20s;  // of a test that fails

class KeptStatusTest : public ::testing::Test {
 protected:
  struct Asked {
    std::optional<Status> answer;
    std::exception_ptr failure;
  };

  // What needs no worker is answered when this returns.
  Asked& ask() {
    auto& asked = asked_.emplace_back();
    boost::asio::co_spawn(context_, database_->status(clock_.now()),
                          [&asked](std::exception_ptr failure, Status status) {
                            asked.failure = std::move(failure);
                            if (!asked.failure) asked.answer = std::move(status);
                          });
    context_.restart();
    context_.poll();
    return asked;
  }
  // Until everybody has what was asked for.
  void finish() {
    context_.restart();
    context_.run_for(patience);
  }
  Asked& ask_and_wait() {
    auto& asked = ask();
    finish();
    return asked;
  }

  // Awaits a function on the worker; what it threw.
  std::exception_ptr run(std::function<void(Queue&)> function) {
    std::exception_ptr thrown;
    boost::asio::co_spawn(context_, database_->write(std::move(function)),
                          [&thrown](std::exception_ptr failure) { thrown = std::move(failure); });
    finish();
    return thrown;
  }
  void pause_intake(bool paused) {
    EXPECT_FALSE(run([paused](Queue& queue) { queue.pause(true, false, paused, Instant{}); }));
  }

  // A function that the worker has begun, and that goes on until it is let go.
  class Busy {
   public:
    explicit Busy(KeptStatusTest& test) : test_(test) {
      auto held = [this](Queue&) {
        begun_.set_value();
        EXPECT_EQ(released_.get_future().wait_for(patience), std::future_status::ready);
      };
      boost::asio::co_spawn(test.context_, test.database_->write(held),
                            [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
      test.context_.restart();
      test.context_.poll();
      EXPECT_EQ(begun_.get_future().wait_for(patience), std::future_status::ready);
    }
    ~Busy() {
      if (!let_go_) let_go();
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    void let_go() {
      let_go_ = true;
      released_.set_value();
      test_.finish();
    }

   private:
    KeptStatusTest& test_;
    std::promise<void> begun_, released_;
    bool let_go_ = false;
  };

  boost::asio::io_context context_;
  VirtualClock clock_{context_};
  QueueWorld world_;
  Worker worker_;  // a thread, as in the daemon
  std::unique_ptr<Database> database_ = std::make_unique<Database>(*world_.queue, worker_, clock_);
  std::deque<Asked> asked_;
};

TEST_F(KeptStatusTest, IsAnsweredWhileAFunctionHoldsTheWorker) {
  ask_and_wait();
  EXPECT_FALSE(run([this](Queue&) { world_.add_job(3); }));
  clock_.advance(2ms);
  Busy busy(*this);
  const auto& asked = ask();
  ASSERT_TRUE(asked.answer);
  EXPECT_EQ(asked.answer->jobs_open, 1);
  EXPECT_EQ(asked.answer->counts[RequestState::pending], 3);
}

// Nobody comes between the end of a write and the begin of what waits behind it.
TEST_F(KeptStatusTest, IsThereAtTheEndOfAWriteAlready) {
  ask_and_wait();
  pause_intake(true);
  const auto& asked = ask();
  ASSERT_TRUE(asked.answer);
  EXPECT_TRUE(asked.answer->intake_paused);
}

TEST_F(KeptStatusTest, ShowsEveryWriteThatWasAwaited) {
  for (const bool paused : {true, false, true, true, false}) {
    pause_intake(paused);
    const auto& asked = ask_and_wait();
    ASSERT_TRUE(asked.answer);
    EXPECT_EQ(asked.answer->intake_paused, paused);
  }
}

TEST_F(KeptStatusTest, ShowsNothingOfAFunctionThatThrew) {
  ask_and_wait();
  const auto thrown = run([](Queue& queue) {
    queue.pause(true, false, true, Instant{});
    throw std::runtime_error("after its write");
  });
  EXPECT_THROW(std::rethrow_exception(thrown), std::runtime_error);
  const auto& asked = ask_and_wait();
  ASSERT_TRUE(asked.answer);
  EXPECT_FALSE(asked.answer->intake_paused) << "one function, one transaction";
}

TEST_F(KeptStatusTest, IsNotDroppedByAFunctionThatOnlyReads) {
  ask_and_wait();
  boost::asio::co_spawn(context_, database_->read([](const Queue& queue) { return queue.jobs({}).size(); }),
                        [](const std::exception_ptr& failure, std::size_t) { EXPECT_FALSE(failure); });
  finish();
  clock_.advance(1h);
  const Busy busy(*this);
  EXPECT_TRUE(ask().answer);
}

TEST_F(KeptStatusTest, IsNotReadForNobody) {
  const Busy busy(*this);
  EXPECT_FALSE(ask().answer);
}

TEST_F(KeptStatusTest, IsNotReadWhereNobodyAskedLately) {
  ask_and_wait();
  clock_.advance(3s);
  pause_intake(true);
  Busy busy(*this);
  const auto& asked = ask();
  EXPECT_FALSE(asked.answer);
  busy.let_go();
  ASSERT_TRUE(asked.answer);
  EXPECT_TRUE(asked.answer->intake_paused);
}

// Not before every function, or a crowd of short ones would cost twice what it costs.
TEST_F(KeptStatusTest, IsReadAtMostOnceAMillisecond) {
  ask_and_wait();
  pause_intake(true);  // at its end the kept status is read
  pause_intake(false);
  {
    Busy busy(*this);
    const auto& asked = ask();
    EXPECT_FALSE(asked.answer);
    busy.let_go();
    ASSERT_TRUE(asked.answer);
    EXPECT_FALSE(asked.answer->intake_paused);
  }
  pause_intake(true);
  clock_.advance(1ms);
  const Busy busy(*this);
  const auto& asked = ask();
  ASSERT_TRUE(asked.answer);
  EXPECT_TRUE(asked.answer->intake_paused);
}

TEST_F(KeptStatusTest, IsOfTheDayOnWhichItIsAsked) {
  EXPECT_FALSE(run([this](Queue& queue) {
    const auto job = world_.add_job(1);
    const auto batch = world_.submit(world_.assign({{job, 0, 1}}));
    world_.end(batch);
    queue.record_results(batch, queue.begin_download(batch), {QueueWorld::result(job, 0)}, clock_.now());
  }));
  const auto spent = ask_and_wait().answer->spent_today;
  EXPECT_GT(spent, 0);
  clock_.jump_wall(24h);
  {
    // Read anew for the new day, although nothing was written.
    const Busy busy(*this);
    const auto& asked = ask();
    ASSERT_TRUE(asked.answer);
    EXPECT_EQ(asked.answer->spent_today, 0);
  }
  clock_.advance(2ms);
  Busy busy(*this);
  clock_.jump_wall(-24h);
  const auto& asked = ask();
  EXPECT_FALSE(asked.answer);
  busy.let_go();
  ASSERT_TRUE(asked.answer);
  EXPECT_EQ(asked.answer->spent_today, spent);
}

TEST_F(KeptStatusTest, CannotBeReadAndTheFunctionGoesOn) {
  pause_intake(true);
  const auto job = world_.add_job(2);
  database_.reset();
  world_.close();
  std::fstream file(world_.path(), std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto at = bytes.find("intake_paused");
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file.put('I');
  file.close();
  world_.queue = std::make_unique<Queue>(world_.path(), Queue::OpeningCheck::none);
  database_ = std::make_unique<Database>(*world_.queue, worker_, clock_);

  EXPECT_THROW(std::rethrow_exception(ask_and_wait().failure), QueueDamaged);
  EXPECT_FALSE(run([job](Queue& queue) { EXPECT_EQ(queue.hold_job(job, "wait"), Queue::Change::done); }));
  EXPECT_THROW(std::rethrow_exception(ask_and_wait().failure), QueueDamaged);
}

}  // namespace
}  // namespace offpeak::testing
