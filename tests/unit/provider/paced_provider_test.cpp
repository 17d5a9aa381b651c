#include "provider/paced_provider.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <vector>

#include "base/task_group.hpp"
#include "support/virtual_clock.hpp"
#include "unit/provider/doors.hpp"

namespace offpeak::test {
namespace {

using offpeak::testing::VirtualClock;

// Answers as told and notes when it was called.
class NotingProvider final : public Provider {
 public:
  explicit NotingProvider(Clock& clock) : clock_(clock) {}

  Task<CreateAnswer> create(HeaderGroup, BodySource&, CreateCommit&) override {
    note();
    co_return create_answer;
  }
  Task<Called<ListPage>> list(ListQuery) override {
    note();
    Called<ListPage> out;
    if (failure) out.answer = *failure;
    out.retry_after = hint;
    co_return out;
  }
  Task<Called<ProviderBatch>> retrieve(std::string) override {
    note();
    co_return Called<ProviderBatch>();
  }
  Task<Called<std::uint64_t>> results(std::string, ResultsSink&) override {
    note();
    co_return Called<std::uint64_t>();
  }
  Task<Called<ProviderBatch>> cancel(std::string) override {
    note();
    co_return Called<ProviderBatch>();
  }
  ProviderIdentity identity(std::string_view salt) const override {
    return {"https://a:443", "", std::string(salt), "org"};
  }
  std::uint64_t generation() const override { return 7; }

  std::vector<std::int64_t> called_at;  // milliseconds since the beginning
  CreateAnswer create_answer;
  std::optional<CallFailure> failure;
  std::optional<Duration> hint;

 private:
  void note() { called_at.push_back(std::chrono::duration_cast<Duration>(clock_.steady_now() - start_).count()); }
  Clock& clock_;
  SteadyTime start_ = clock_.steady_now();
};

CallFailure throttled(std::optional<Duration> retry_after) {
  CallFailure failure;
  failure.kind = CallFailureKind::throttled;
  failure.retry_after = retry_after;
  return failure;
}

struct PacedProviderTest : ::testing::Test {
  // Each spawned task calls once and counts.
  static Task<> list_once(PacedProvider* provider, int* done) {
    const auto page = co_await provider->list(ListQuery());
    ++*done;
  }
  static Task<> create_once(PacedProvider* provider, int* done) {
    TextSource body("{}");
    CountingCommit commit;
    const auto answer = co_await provider->create(header_group(), body, commit);
    ++*done;
  }
  static Task<> other_calls(PacedProvider* provider, int* done) {
    TextSink sink;
    const auto batch = co_await provider->retrieve("a");
    const auto results = co_await provider->results("a", sink);
    const auto canceled = co_await provider->cancel("a");
    *done += 3;
  }
  void list_many(int count) {
    for (int i = 0; i < count; ++i) group.spawn("list", list_once(&paced, &done));
  }
  void answer_create_with(int status) {
    inner.create_answer.last_byte_left = true;
    inner.create_answer.answer.emplace().status = status;
  }

  boost::asio::io_context io;
  VirtualClock clock{io};
  SeededRandom random{1};
  NotingProvider inner{clock};
  RetryConfig retry;
  PacedProvider paced{inner, clock, random, retry};
  int done = 0;
  TaskGroup group{io.get_executor()};
};

TEST_F(PacedProviderTest, CallsBeyondTheBurstAreSpread) {
  list_many(30);
  clock.run_until_idle();
  EXPECT_EQ(done, 10);
  clock.advance(Duration(5'000));
  EXPECT_EQ(done, 30);
  EXPECT_GE(inner.called_at.back(), 1'990);
  EXPECT_LE(inner.called_at.back(), 2'100);
}

TEST_F(PacedProviderTest, AThrottledAnswerHoldsEveryCallOfEveryKind) {
  inner.failure = throttled(Duration(30'000));
  list_many(1);
  clock.run_until_idle();
  EXPECT_EQ(done, 1);  // given back at once, and never repeated
  EXPECT_EQ(inner.called_at.size(), 1U);
  inner.failure.reset();
  list_many(2);
  group.spawn("create", create_once(&paced, &done));
  group.spawn("others", other_calls(&paced, &done));
  clock.advance(Duration(29'000));
  EXPECT_EQ(done, 1);
  clock.advance(Duration(2'000));
  EXPECT_EQ(done, 7);
  EXPECT_EQ(inner.called_at[1], 30'000);
  EXPECT_EQ(inner.called_at.size(), 7U);
}

TEST_F(PacedProviderTest, NobodyWaitsLongerThanTheLongestBackoff) {
  retry.max_backoff = Duration(5'000);
  inner.failure = throttled(std::chrono::hours(24 * 23));
  list_many(1);
  clock.run_until_idle();
  inner.failure.reset();
  list_many(1);
  clock.advance(Duration(5'000));
  EXPECT_EQ(done, 2);
}

TEST_F(PacedProviderTest, AHintOnASuccessHoldsNothing) {
  inner.hint = Duration(60'000);
  list_many(5);
  clock.run_until_idle();
  EXPECT_EQ(done, 5);
}

TEST_F(PacedProviderTest, OtherFailuresHoldNothing) {
  using enum CallFailureKind;
  for (const auto kind : {unreachable, account, not_found, refused, unreadable, stopped}) {
    inner.failure = CallFailure();
    inner.failure->kind = kind;
    inner.failure->retry_after = Duration(30'000);
    list_many(1);
  }
  clock.run_until_idle();
  EXPECT_EQ(done, 6);
}

TEST_F(PacedProviderTest, WithoutRetryAfterItBacksOffAndASuccessForgets) {
  inner.failure = throttled(std::nullopt);
  for (int i = 0; i < 5; ++i) {
    list_many(1);
    clock.advance(Duration(100'000));
  }
  EXPECT_EQ(done, 5);
  list_many(1);
  clock.run_until_idle();
  const auto before = inner.called_at.size();
  list_many(1);
  clock.advance(Duration(15'000));  // the seventh wait is 30 s at least
  EXPECT_EQ(inner.called_at.size(), before);
  inner.failure.reset();
  clock.advance(Duration(60'000));
  inner.failure = throttled(std::nullopt);
  list_many(1);
  clock.run_until_idle();
  const auto again = inner.called_at.back();
  inner.failure.reset();
  list_many(1);
  clock.advance(Duration(5'000));
  EXPECT_LE(inner.called_at.back() - again, 1'000);
}

TEST_F(PacedProviderTest, CreatesThatAreThrottledCloseTheGate) {
  for (const int status : {429, 500, 503, 529}) {
    answer_create_with(status);
    inner.create_answer.answer->body = R"({"type":"error","error":{"type":"x_error","message":"m"}})";
    inner.create_answer.answer->retry_after = Duration(20'000);
    group.spawn("create", create_once(&paced, &done));
    clock.run_until_idle();
    const auto at = inner.called_at.back();
    list_many(1);
    clock.advance(Duration(25'000));
    EXPECT_EQ(inner.called_at.back() - at, 20'000) << status;
  }
}

TEST_F(PacedProviderTest, ASpendLimitOrARefusalDoesNotStopThePolling) {
  answer_create_with(429);
  inner.create_answer.answer->body = R"({"type":"error","error":{"type":"rate_limit_error","message":"m",)"
                                     R"("details":{"error_code":"enforced_spend_limit_reached"}}})";
  group.spawn("create", create_once(&paced, &done));
  clock.run_until_idle();
  answer_create_with(401);
  group.spawn("create", create_once(&paced, &done));
  inner.create_answer.answer.reset();
  group.spawn("create", create_once(&paced, &done));
  list_many(1);
  clock.run_until_idle();
  EXPECT_EQ(done, 4);
}

TEST_F(PacedProviderTest, IsWhomItAsks) {
  EXPECT_EQ(paced.identity("salt"), inner.identity("salt"));
  EXPECT_EQ(paced.generation(), 7U);
}

TEST_F(PacedProviderTest, ACanceledWaitCallsNobody) {
  inner.failure = throttled(Duration(30'000));
  list_many(1);
  clock.run_until_idle();
  list_many(1);
  clock.advance(Duration(1'000));
  group.cancel();
  clock.run_until_idle();
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(inner.called_at.size(), 1U);
}

TEST_F(PacedProviderTest, KnowsHowTheProviderAnsweredLately) {
  EXPECT_FALSE(paced.contact().failing());
  EXPECT_FALSE(paced.contact().last_ok_at);
  list_many(1);
  clock.run_until_idle();
  EXPECT_EQ(paced.contact().last_ok_at, clock.now());
  const auto began = clock.now();
  for (int i = 0; i < 3; ++i) {
    inner.failure = CallFailure();
    inner.failure->message = "list: refused";
    list_many(1);
    clock.run_until_idle();
    clock.advance(Duration(10'000));
  }
  EXPECT_EQ(paced.contact().failing_since, began);
  EXPECT_EQ(paced.contact().failures, 3);
  EXPECT_EQ(paced.contact().last_error.message, "list: refused");
  EXPECT_FALSE(paced.contact().account_fault());
  inner.failure.reset();
  list_many(1);
  clock.run_until_idle();
  EXPECT_FALSE(paced.contact().failing());
  EXPECT_EQ(paced.contact().last_ok_at, clock.now());
}

TEST_F(PacedProviderTest, AListThatIsNotThereIsAFailure) {
  inner.failure = CallFailure();
  inner.failure->kind = CallFailureKind::not_found;
  list_many(2);
  clock.run_until_idle();
  EXPECT_EQ(paced.contact().failures, 2);
  EXPECT_EQ(paced.contact().last_error.kind, CallFailureKind::refused);
}

TEST_F(PacedProviderTest, WhatWeStoppedOurselvesTellsNothing) {
  inner.failure = CallFailure();
  inner.failure->kind = CallFailureKind::stopped;
  list_many(1);
  clock.run_until_idle();
  EXPECT_FALSE(paced.contact().failing());
}

// The list may work while creates fail: what a create means is stored by who sent it.
TEST_F(PacedProviderTest, ARefusedCreateIsNotAFailureOfTheProvider) {
  answer_create_with(401);
  group.spawn("create", create_once(&paced, &done));
  clock.run_until_idle();
  EXPECT_FALSE(paced.contact().failing());
}

}  // namespace
}  // namespace offpeak::test
