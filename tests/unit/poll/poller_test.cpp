#include "poll/poller.hpp"

#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::failed_call;
using testing::StageWorld;

class PollerTest : public ::testing::Test {
 protected:
  PollerTest()
      : world(folder),
        poller({world.database, world.provider, world.clock, world.random, world.log, world.config},
               world.poll_bell) {}
  ~PollerTest() override { world.stop(); }

  TemporaryFolder folder;
  StageWorld world;
  Poller poller;
};

TEST_F(PollerTest, MakesNoCallWhileNothingIsInFlight) {
  world.start(poller.run());
  world.clock.advance(10h);
  EXPECT_TRUE(world.provider.calls.empty());
  EXPECT_FALSE(poller.next_poll_at());
}

TEST_F(PollerTest, OneListCallPollsEverything) {
  for (int i = 0; i < 5; ++i) {
    world.add_job(3, "job" + std::to_string(i));
    world.submit();
  }
  world.start(poller.run());
  EXPECT_EQ(world.provider.calls, (std::vector<std::string>{"list"}));
  EXPECT_EQ(world.provider.queries[0].limit, 100u);
  EXPECT_TRUE(poller.next_poll_at());
}

TEST_F(PollerTest, SlowsDownWhileNothingChanges) {
  world.add_job(3);
  const auto sent = world.submit();
  world.start(poller.run());
  world.clock.advance(1h);
  const auto calls = world.provider.calls.size();
  EXPECT_GE(calls, 60u);
  EXPECT_LE(calls, 64u);
  // A change makes it fast again.
  world.provider.batch(sent.provider_id).counts = {2, 1, 0, 0, 0};
  world.clock.advance(60s);
  const auto before = world.provider.calls.size();
  world.clock.advance(26s);
  EXPECT_GE(world.provider.calls.size(), before + 1);
  EXPECT_EQ(world.batch(sent).succeeded, 1);
}

TEST_F(PollerTest, ASubmissionWakesItUpAndIsPolledAfterTheShortestInterval) {
  world.start(poller.run());
  world.add_job(3);
  world.submit();
  world.poll_bell.notify();
  world.clock.advance(9s);
  EXPECT_EQ(world.provider.count("list"), 0u);
  world.clock.advance(1s);
  EXPECT_EQ(world.provider.count("list"), 1u);
}

TEST_F(PollerTest, AnEndedBatchRingsTheCollector) {
  world.add_job(2);
  const auto sent = world.submit();
  world.end(sent, {testing::succeeded_value(), testing::succeeded_value()}, false);
  world.start(poller.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_EQ(world.batch(sent).succeeded, 2);
  EXPECT_TRUE(world.log.has("batch.ended"));
  EXPECT_FALSE(poller.next_poll_at());
}

TEST_F(PollerTest, ABatchThatFellOutOfThePageIsRetrieved) {
  world.add_job(2);
  const auto sent = world.submit();
  world.provider.unlisted.insert(sent.provider_id);
  world.end(sent, {testing::succeeded_value(), testing::succeeded_value()}, false);
  world.start(poller.run());
  EXPECT_EQ(world.provider.calls, (std::vector<std::string>{"list", "retrieve " + sent.provider_id}));
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
}

TEST_F(PollerTest, AtMostTwentyAreRetrievedARoundAndAllInTurns) {
  for (int i = 0; i < 30; ++i) {
    world.add_job(1, "job" + std::to_string(i));
    world.provider.unlisted.insert(world.submit().provider_id);
  }
  world.start(poller.run());
  EXPECT_EQ(world.provider.count("retrieve"), 20u);
  world.clock.advance(60s);
  std::set<std::string> asked(world.provider.calls.begin(), world.provider.calls.end());
  EXPECT_EQ(asked.size(), 31u);  // and the list
}

// faults.md 25
TEST_F(PollerTest, A404OnAKnownBatchIsNeverALoss) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  const auto told = world.provider.batches;
  world.provider.batches.clear();
  world.start(poller.run());
  world.clock.advance(24h);
  EXPECT_EQ(world.batch(sent).state, BatchState::in_progress);
  EXPECT_EQ(world.job(job).counts[RequestState::submitted], 2);
  EXPECT_NE(world.batch(sent).reason.value_or("").find("404"), std::string::npos);
  EXPECT_EQ(world.log.count("batch.odd"), 1u);
  // It comes back.
  world.provider.batches = told;
  world.end(sent, {testing::succeeded_value(), testing::succeeded_value()}, false);
  world.clock.advance(1min);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_FALSE(world.batch(sent).reason);
}

// faults.md 24
TEST_F(PollerTest, ABatchThatNeverEndsIsPolledOnWithAnAlarmAndNeverSentAgain) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.start(poller.run());
  world.clock.advance(72h);
  EXPECT_EQ(world.log.count("error batch.odd"), 1u);
  EXPECT_TRUE(world.batch(sent).reason);
  EXPECT_EQ(world.job(job).counts[RequestState::submitted], 2);
  EXPECT_EQ(world.provider.count("create"), 0u);
}

// faults.md 26
TEST_F(PollerTest, AStatusThatGoesBackIsLoggedAndIgnored) {
  world.add_job(2);
  const auto sent = world.submit();
  world.provider.batch(sent.provider_id).status = ProcessingStatus::canceling;
  world.start(poller.run());
  EXPECT_EQ(world.batch(sent).state, BatchState::canceling);
  world.provider.batch(sent.provider_id).status = ProcessingStatus::in_progress;
  world.clock.advance(1min);
  EXPECT_EQ(world.batch(sent).state, BatchState::canceling);
  EXPECT_EQ(world.log.count("error batch.odd"), 1u);
}

TEST_F(PollerTest, CountsThatDoNotAddUpAreAnAlarm) {
  world.add_job(2);
  const auto sent = world.submit();
  world.provider.batch(sent.provider_id).counts.processing = 7;
  world.start(poller.run());
  world.clock.advance(10min);
  EXPECT_EQ(world.log.count("error batch.odd"), 1u);
  EXPECT_TRUE(world.batch(sent).reason);
}

TEST_F(PollerTest, RetryAfterOnA429Binds) {
  world.add_job(2);
  world.submit();
  world.provider.list_failures = {failed_call(CallFailureKind::throttled, 429, 10min)};
  world.start(poller.run());
  world.clock.advance(5min);
  // Not even a submission makes it call sooner.
  world.poll_bell.notify();
  world.clock.advance(4min + 59s);
  EXPECT_EQ(world.provider.calls.size(), 1u);
  world.clock.advance(1s);
  EXPECT_EQ(world.provider.calls.size(), 2u);
}

TEST_F(PollerTest, ABrokenNetworkIsWaitedOutAtMostTheLongestInterval) {
  world.add_job(2);
  const auto sent = world.submit();
  for (int i = 0; i < 50; ++i) world.provider.list_failures.push_back(failed_call(CallFailureKind::unreachable, 0));
  world.end(sent, {testing::succeeded_value(), testing::succeeded_value()}, false);
  world.start(poller.run());
  world.clock.advance(50min);
  EXPECT_EQ(world.batch(sent).state, BatchState::ended);
  EXPECT_TRUE(world.log.has("poll.failed"));
}

TEST_F(PollerTest, ABatchOfACanceledJobIsCanceled) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.start(poller.run());
  world.queue.cancel_job(job, world.clock.now());
  world.poll_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(world.provider.count("cancel " + sent.provider_id), 1u);
  EXPECT_EQ(world.batch(sent).state, BatchState::canceling);
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 1u);
}

TEST_F(PollerTest, ACancelThatIsRefusedIsNotRepeatedButOneThatFailedIs) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  world.provider.cancel_failures = {failed_call(CallFailureKind::unreachable, 0),
                                    failed_call(CallFailureKind::not_found, 404),
                                    failed_call(CallFailureKind::refused, 400)};
  world.queue.cancel_job(job, world.clock.now());
  world.start(poller.run());
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel " + sent.provider_id), 3u);
}

TEST_F(PollerTest, AnUnchangedPollWritesNothing) {
  world.add_job(2);
  world.submit();
  world.start(poller.run());
  const auto size = [&] { return std::filesystem::file_size(folder / "offpeak.db-wal"); };
  world.clock.advance(1min);
  const auto before = size();
  world.clock.advance(10min);
  EXPECT_EQ(size(), before);
}

TEST_F(PollerTest, ANewConfigurationCountsFromTheNextPollOn) {
  world.add_job(2);
  world.submit();
  world.start(poller.run());
  world.config.poll.min_interval = 1s;
  world.config.poll.max_interval = 1s;
  world.clock.advance(60s);
  EXPECT_GE(world.provider.count("list"), 40u);
}

}  // namespace
}  // namespace offpeak
