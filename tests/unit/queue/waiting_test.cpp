// What the queue knows of what waits: of one job, and of all.
#include <gmock/gmock.h>

#include "unit/queue/queue_world.hpp"

namespace offpeak {
namespace {

using testing::QueueWorld;
using testing::world_now;
using namespace std::chrono_literals;

struct Waiting : ::testing::Test {
  QueueWorld world;
  Queue& queue() { return *world.queue; }
  JobWaits waits(JobId job, Instant now = world_now) { return queue().job_waits(job, now); }
};

TEST_F(Waiting, AJobThatIsReady) {
  const auto job = world.add_job(10);
  const auto found = waits(job);
  EXPECT_EQ(found.ready, 10);
  EXPECT_EQ(found.ready_since, world_now);
  EXPECT_EQ(found.backing_off, 0);
  EXPECT_TRUE(found.intents.empty());
  EXPECT_TRUE(found.batches.empty());
}

TEST_F(Waiting, AJobThatIsBeingSentAndOneThatTheProviderHas) {
  const auto job = world.add_job(10);
  const auto other = world.add_job(5);
  const auto sent = world.assign({{job, 0, 4}, {other, 0, 5}});
  auto found = waits(job);
  ASSERT_EQ(found.intents.size(), 1U);
  EXPECT_EQ(found.intents[0].id, sent);
  EXPECT_EQ(found.intents[0].requests, 4);  // of this job alone
  EXPECT_EQ(found.intents[0].state, IntentState::uploading);
  const auto batch = world.submit(sent);
  found = waits(job);
  EXPECT_EQ(found.ready, 6);
  EXPECT_TRUE(found.intents.empty());
  ASSERT_EQ(found.batches.size(), 1U);
  EXPECT_EQ(found.batches[0].id, batch);
  EXPECT_EQ(found.batches[0].requests, 4);
  EXPECT_EQ(waits(other).batches.at(0).requests, 5);
}

TEST_F(Waiting, AnotherAttemptAndWhy) {
  const auto job = world.add_job(2);
  const auto batch = world.submit(world.assign({{job, 0, 2}}));
  world.end(batch);
  auto again = QueueWorld::result(job, 1, ResultAction::another, OutcomeType::errored);
  again.error_type = "overloaded_error";
  world.record(batch, {QueueWorld::result(job, 0), again});
  CollectRules rules;
  rules.backoff = 30s;
  rules.max_backoff = 1h;
  ASSERT_TRUE(queue().collect(batch, rules, world_now).complete);
  const auto found = waits(job);
  EXPECT_EQ(found.ready, 0);
  EXPECT_EQ(found.backing_off, 1);
  EXPECT_EQ(found.attempts, 1U);
  EXPECT_EQ(found.error_type, "overloaded_error");
  ASSERT_TRUE(found.back_at);
  EXPECT_GT(*found.back_at, world_now);
  EXPECT_TRUE(found.batches.empty());  // collected
  EXPECT_EQ(waits(job, *found.back_at).ready, 1);
}

TEST_F(Waiting, TheStatusNamesUnknownCreatesAndBatchesWithAReason) {
  const auto job = world.add_job(30);
  const auto unknown = world.assign({{job, 0, 4}});
  queue().mark_committing(unknown, world_now);
  queue().mark_unknown(unknown, "cut", world_now);
  const auto quiet = world.submit(world.assign({{job, 4, 5}}));
  const auto odd = world.submit(world.assign({{job, 9, 6}}));
  queue().note_batch(odd, "404", std::nullopt);
  const auto status = queue().status(world_now);
  ASSERT_EQ(status.unsettled.size(), 1U);
  EXPECT_EQ(status.unsettled[0].id, unknown);
  EXPECT_EQ(status.unsettled[0].requests, 4);
  EXPECT_EQ(status.unsettled[0].reason, "cut");
  ASSERT_EQ(status.troubled.size(), 1U);
  EXPECT_EQ(status.troubled[0].id, odd);
  EXPECT_NE(status.troubled[0].id, quiet);
  EXPECT_EQ(status.troubled[0].reason, "404");
}

TEST_F(Waiting, WhatTheOperatorHoldsIsCountedAndWhatWaitsForAHumanIsNamed) {
  for (int i = 0; i < 3; ++i) queue().hold_job(world.add_job(1), std::string(held_by_operator));
  const auto asks = world.add_job(1);
  queue().hold_job(asks, "max_cost_usd is reached");
  const auto status = queue().status(world_now);
  EXPECT_EQ(status.held_by_operator, 3);
  ASSERT_EQ(status.held.size(), 1U);
  EXPECT_EQ(status.held[0].id, asks);
}

TEST_F(Waiting, PausesAndBackoffsKnowSinceWhen) {
  queue().pause(true, true, true, world_now);
  queue().pause(true, true, true, world_now + 1h);
  queue().pause_account("no credit", world_now + 1min, 1, world_now);
  queue().pause_account("no credit", world_now + 2h, 2, world_now + 1h);
  queue().delay_creates({1, "HTTP 529", world_now + 1min}, world_now);
  queue().delay_creates({2, "HTTP 529", world_now + 2h}, world_now + 1h);
  auto status = queue().status(world_now + 2h);
  EXPECT_EQ(status.submitting_paused_since, world_now);
  EXPECT_EQ(status.intake_paused_since, world_now);
  EXPECT_EQ(status.account.since, world_now);
  EXPECT_EQ(status.delay.since, world_now);
  queue().pause(true, true, false, world_now + 3h);
  queue().resume_account();
  queue().end_create_delay();
  status = queue().status(world_now + 3h);
  EXPECT_FALSE(status.submitting_paused_since);
  EXPECT_FALSE(status.account.since);
  EXPECT_FALSE(status.delay.since);
  queue().pause_account("no credit", world_now + 9h, 1, world_now + 8h);
  EXPECT_EQ(queue().account().since, world_now + 8h);
}

TEST_F(Waiting, WhatIsNotedIsCountedAndOutlivesARestart) {
  queue().note("counts_differ", "batch a", world_now);
  queue().note("counts_differ", "batch b", world_now + 1h);
  queue().note("unreadable_lines", "batch c", world_now);
  world.open();
  const auto status = queue().status(world_now);
  ASSERT_EQ(status.noted.size(), 2U);
  EXPECT_EQ(status.noted.at("counts_differ").count, 2);
  EXPECT_EQ(status.noted.at("counts_differ").what, "batch b");
  EXPECT_EQ(status.noted.at("counts_differ").last_at, world_now + 1h);
  EXPECT_EQ(status.noted.at("unreadable_lines").count, 1);
}

TEST_F(Waiting, RequestsWithoutAPriceAreCountedByDay) {
  const auto job = world.add_job(3);
  const auto batch = world.submit(world.assign({{job, 0, 3}}));
  world.end(batch);
  std::vector<ResultRow> rows;
  for (Seq seq = 0; seq < 3; ++seq) {
    rows.push_back(QueueWorld::result(job, seq));
    rows.back().model = seq == 0 ? "" : "claude-hiaku-4-5";
  }
  world.record(batch, rows);
  EXPECT_EQ(queue().status(world_now).unpriced_today, 2);
  EXPECT_EQ(queue().status(world_now + 24h).unpriced_today, 0);
}

}  // namespace
}  // namespace offpeak
