#include "poll/poll_decisions.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

using namespace std::chrono_literals;

constexpr Instant noon = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) + 12h;

Batch known_batch(std::int64_t id, BatchState state = BatchState::in_progress) {
  Batch batch;
  batch.id = BatchId{id};
  batch.provider_id = "msgbatch_" + std::to_string(id);
  batch.state = state;
  batch.requests = 10;
  batch.processing = 10;
  batch.created_at = noon;
  batch.expires_at = noon + 24h;
  return batch;
}

ProviderBatch told_batch(std::int64_t id, ProcessingStatus status = ProcessingStatus::in_progress) {
  ProviderBatch told;
  told.id = "msgbatch_" + std::to_string(id);
  told.status = status;
  told.counts.processing = 10;
  return told;
}

PollConfig paced(Duration least, Duration most) { return {least, most}; }

TEST(PollDecisions, OnePageIsLongEnoughForWhatIsOpen) {
  EXPECT_EQ(page_limit(0), 100u);
  EXPECT_EQ(page_limit(50), 100u);
  EXPECT_EQ(page_limit(400), 400u);
  EXPECT_EQ(page_limit(5000), 1000u);
}

TEST(PollDecisions, AnUnchangedBatchIsNoNews) {
  const auto reading = read_poll(known_batch(1), told_batch(1), noon);
  EXPECT_FALSE(reading.changed);
  EXPECT_FALSE(reading.ended);
  EXPECT_FALSE(oddness(known_batch(1), reading));
}

TEST(PollDecisions, FromAWordThatIsNotKnownNothingIsLearned) {
  for (const auto state : {BatchState::in_progress, BatchState::canceling, BatchState::ended, BatchState::collected}) {
    const auto known = known_batch(1, state);
    const auto reading = read_poll(known, told_batch(1, ProcessingStatus::unknown), noon);
    EXPECT_EQ(reading.seen.state, state);
    EXPECT_FALSE(reading.changed || reading.ended || reading.went_back);
  }
}

TEST(PollDecisions, CountsThatAreNotSaidStayAsTheyWereKnown) {
  auto known = known_batch(1);
  known.processing = 4;
  known.succeeded = 6;
  auto told = told_batch(1);
  told.counts = ProviderCounts();
  told.counts_known = false;
  const auto reading = read_poll(known, told, noon);
  EXPECT_EQ(reading.seen.processing, 4);
  EXPECT_EQ(reading.seen.succeeded, 6);
  EXPECT_FALSE(reading.changed);
  EXPECT_FALSE(reading.counts_off);
}

TEST(PollDecisions, EveryStatusChangeIsReadOnce) {
  struct Case {
    BatchState known;
    ProcessingStatus told;
    BatchState read;
    bool ended, went_back;
  };
  const std::vector<Case> cases{
      {BatchState::in_progress, ProcessingStatus::in_progress, BatchState::in_progress, false, false},
      {BatchState::in_progress, ProcessingStatus::canceling, BatchState::canceling, false, false},
      {BatchState::in_progress, ProcessingStatus::ended, BatchState::ended, true, false},
      {BatchState::canceling, ProcessingStatus::in_progress, BatchState::canceling, false, true},
      {BatchState::canceling, ProcessingStatus::canceling, BatchState::canceling, false, false},
      {BatchState::canceling, ProcessingStatus::ended, BatchState::ended, true, false},
      {BatchState::ended, ProcessingStatus::in_progress, BatchState::ended, false, true},
      {BatchState::ended, ProcessingStatus::ended, BatchState::ended, false, false},
      {BatchState::collected, ProcessingStatus::in_progress, BatchState::collected, false, true},
  };
  for (const auto& one : cases) {
    const auto reading = read_poll(known_batch(1, one.known), told_batch(1, one.told), noon);
    EXPECT_EQ(reading.seen.state, one.read);
    EXPECT_EQ(reading.ended, one.ended);
    EXPECT_EQ(reading.went_back, one.went_back);
  }
}

// faults.md 26
TEST(PollDecisions, AStatusThatGoesBackIsNotBelieved) {
  const auto known = known_batch(1, BatchState::canceling);
  const auto reading = read_poll(known, told_batch(1), noon);
  EXPECT_EQ(reading.seen.state, BatchState::canceling);
  EXPECT_NE(oddness(known, reading).value_or("").find("went back"), std::string::npos);
}

TEST(PollDecisions, CountsMustAddUpToTheRequests) {
  auto told = told_batch(1);
  told.counts.processing = 9;
  const auto reading = read_poll(known_batch(1), told, noon);
  EXPECT_TRUE(reading.counts_off);
  EXPECT_TRUE(oddness(known_batch(1), reading));
}

// faults.md 24
TEST(PollDecisions, ABatchThatOutlivesItsExpiryIsAnAlarm) {
  EXPECT_FALSE(read_poll(known_batch(1), told_batch(1), noon + 24h).late);
  const auto reading = read_poll(known_batch(1), told_batch(1), noon + 26h);
  EXPECT_TRUE(reading.late);
  EXPECT_NE(oddness(known_batch(1), reading).value_or("").find("not sent again"), std::string::npos);
  EXPECT_FALSE(read_poll(known_batch(1), told_batch(1, ProcessingStatus::ended), noon + 26h).late);
}

TEST(PollDecisions, WhatThePageDoesNotShowIsAskedForInTurns) {
  std::vector<Batch> open;
  for (int i = 1; i <= 6; ++i) open.push_back(known_batch(i));
  const auto match = match_page(open, {told_batch(2), told_batch(99)});
  ASSERT_EQ(match.found.size(), 1u);
  EXPECT_EQ(match.found[0].first, 1u);
  EXPECT_EQ(match.missing, (std::vector<std::size_t>{0, 2, 3, 4, 5}));
  EXPECT_EQ(choose_to_retrieve(open, match.missing, BatchId{}, 2), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(choose_to_retrieve(open, match.missing, BatchId{3}, 2), (std::vector<std::size_t>{3, 4}));
  EXPECT_EQ(choose_to_retrieve(open, match.missing, BatchId{5}, 2), (std::vector<std::size_t>{5, 0}));
  EXPECT_EQ(choose_to_retrieve(open, match.missing, BatchId{9}, 9).size(), 5u);
}

TEST(PollPace, IsFastAfterAChangeAndEverSlowerWithoutOne) {
  PollPace pace;
  const auto config = paced(10s, 60s);
  EXPECT_EQ(pace.after_answer(true, std::nullopt, config), 10s);
  EXPECT_EQ(pace.after_answer(false, std::nullopt, config), 15s);
  EXPECT_EQ(pace.after_answer(false, std::nullopt, config), 22500ms);
  for (int i = 0; i < 10; ++i) pace.after_answer(false, std::nullopt, config);
  EXPECT_EQ(pace.after_answer(false, std::nullopt, config), 60s);
  EXPECT_EQ(pace.after_answer(true, std::nullopt, config), 10s);
}

TEST(PollPace, AHintIsBoundedByTheLongestInterval) {
  PollPace pace;
  EXPECT_EQ(pace.after_answer(true, 30s, paced(10s, 60s)), 30s);
  EXPECT_EQ(pace.after_answer(true, 2h, paced(10s, 60s)), 60s);
  EXPECT_EQ(pace.after_answer(true, 1s, paced(10s, 60s)), 10s);
}

TEST(PollPace, RetryAfterBindsOnlyWhenThrottled) {
  CallFailure failure;
  failure.kind = CallFailureKind::throttled;
  failure.retry_after = 5min;
  EXPECT_EQ(PollPace().after_failure(failure, paced(10s, 60s), 0.5), 5min);
  failure.kind = CallFailureKind::unreachable;
  EXPECT_LE(PollPace().after_failure(failure, paced(10s, 60s), 0.5), 60s);
}

TEST(PollPace, FailuresBackOffUpToTheLongestInterval) {
  PollPace pace;
  CallFailure failure;
  const auto config = paced(10s, 60s);
  EXPECT_EQ(pace.after_failure(failure, config, 1.0), 10s);
  EXPECT_EQ(pace.after_failure(failure, config, 1.0), 20s);
  for (int i = 0; i < 100; ++i) EXPECT_LE(pace.after_failure(failure, config, 0.999), 60s);
  EXPECT_EQ(pace.after_answer(true, std::nullopt, config), 10s);
  EXPECT_EQ(pace.after_failure(failure, config, 1.0), 10s);
}

TEST(PollPace, NoIntervalIsNothing) {
  PollPace pace;
  EXPECT_GE(pace.after_answer(true, std::nullopt, paced(0s, 0s)), 1ms);
  EXPECT_GE(pace.after_failure({}, paced(0s, 0s), 0), 1ms);
}

}  // namespace
}  // namespace offpeak
