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
        poller({world.database, world.provider, world.clock, world.random, world.log, world.config}, world.poll_bell) {}
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
  const auto began = world.clock.now();
  world.start(poller.run());
  world.clock.advance(24h);
  ASSERT_TRUE(poller.missing_since().contains(sent.id));
  EXPECT_EQ(poller.missing_since().at(sent.id), began);
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
  EXPECT_TRUE(poller.missing_since().empty());
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

// faults.md 79
TEST_F(PollerTest, WhateverAnAnswerAsksForNothingWaitsLongerThanMaxBackoff) {
  world.add_job(2);
  world.submit();
  world.provider.list_failures = {failed_call(CallFailureKind::throttled, 503, 500h)};
  world.start(poller.run());
  world.clock.advance(61min);
  EXPECT_GE(world.provider.count("list"), 2u);
}

// ---- what is in the list that is not ours

class ListedTest : public PollerTest {
 protected:
  ListedTest() {
    world.provider.list_date = [this] { return std::optional(world.clock.now()); };
    world.queue.take_as_known({}, {world.clock.now(), world.clock.now(), true});
  }

  // A create that was taken as not created.
  IntentId lose_one(std::uint32_t requests, const std::string& name = "lost") {
    world.add_job(requests, name);
    const auto view = world.queue.pack_view(world.clock.now(), 100);
    NewIntent intent;
    intent.nonce = std::string(24, 'a');
    intent.headers = view.jobs.back().headers;
    for (const auto& pending : view.jobs.back().pending) intent.parts.push_back({pending.range, 0, 0, {}});
    intent.requests = requests;
    intent.bytes = 1000;
    if (!world.provider.batches.empty()) {
      intent.watermark = world.provider.batches.front().id;
      intent.watermark_at = world.provider.batches.front().created_at;
    }
    const auto id = world.queue.create_intent(intent, world.clock.now());
    world.queue.mark_committing(id, world.clock.now());
    world.queue.mark_unknown(id, "no answer", world.clock.now());
    world.queue.record_not_created(id, world.clock.now());
    return id;
  }
  void list_newest(const std::string& id, std::int64_t requests) {
    ProviderBatch made;
    made.id = id;
    made.counts.processing = requests;
    made.created_at = world.clock.now();
    made.expires_at = made.created_at + 24h;
    world.provider.batches.insert(world.provider.batches.begin(), made);
  }
};

TEST_F(ListedTest, ALateTwinIsCanceledAtOnce) {
  const auto lost = lose_one(3);
  list_newest("msgbatch_twin", 3);
  world.start(poller.run());
  world.clock.advance(world.config.poll.max_interval);
  EXPECT_TRUE(world.log.has("batch.came_late"));
  EXPECT_EQ(world.provider.count("cancel msgbatch_twin"), 1u);
  EXPECT_EQ(world.queue.batch("msgbatch_twin")->intent, lost);
}

// faults.md 72: two seconds later another program makes a batch of our count; another one of its batches was seen.
TEST_F(ListedTest, WhereAStrangerWasSeenNothingIsCanceledByItsCount) {
  lose_one(3);
  list_newest("msgbatch_theirs", 8);
  list_newest("msgbatch_theirs_too", 3);
  world.start(poller.run());
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 0u);
  EXPECT_EQ(world.queue.strangers(10).size(), 1u);
  EXPECT_EQ(world.log.count("batch.unexplained"), 1u) << "told once";
}

TEST_F(ListedTest, AStrangerHoldsNothingAndIsRemembered) {
  world.add_job(2);
  world.submit();
  list_newest("msgbatch_theirs", 8);
  world.start(poller.run());
  EXPECT_TRUE(world.log.has("batch.unexplained"));
  EXPECT_FALSE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
  ASSERT_EQ(world.queue.strangers(10).size(), 1u);
  EXPECT_EQ(world.queue.strangers(10)[0].provider_id, "msgbatch_theirs");
}

// faults.md 71: behind more than a page of newer batches.
TEST_F(ListedTest, ALateTwinBehindThePageIsFound) {
  world.config.provider.exclusive = false;
  lose_one(3);
  list_newest("msgbatch_twin", 3);
  for (int i = 0; i < 110; ++i) {
    world.clock.advance(1s);
    list_newest(fmt::format("msgbatch_{}", i), 8);
  }
  world.start(poller.run());
  world.clock.advance(10min);
  EXPECT_TRUE(world.queue.batch("msgbatch_twin"));
  EXPECT_TRUE(world.log.has("batch.came_late"));
}

// faults.md 74
TEST_F(ListedTest, ASecondCopyOfACreateIsSeenAndItsResultsWillProveIt) {
  world.add_job(4);
  const auto sent = world.submit();
  list_newest("msgbatch_copy", 4);
  world.start(poller.run());
  EXPECT_TRUE(world.log.has("batch.second_copy"));
  const auto copy = world.queue.unexplained("msgbatch_copy");
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->copy_of, sent.intent);
  EXPECT_EQ(copy->state, "claiming");
  EXPECT_FALSE(copy->cancel_wanted) << "nothing proves it ours";
  EXPECT_FALSE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
}

// faults.md 74: listed hours late, when all is done and there is nothing else to read a list for.
TEST_F(ListedTest, ASecondCopyIsLookedForWhileNothingIsInFlight) {
  world.add_job(4);
  const auto sent = world.submit();
  list_newest("msgbatch_copy", 4);
  const auto with_copy = std::exchange(world.provider.batches, {});
  world.queue.results_lost(sent.id, "{}", "{}", world.clock.now());
  world.start(poller.run());
  world.clock.advance(4h);
  EXPECT_GE(world.provider.count("list"), 3u);
  EXPECT_LE(world.provider.count("list"), 12u) << "each time a page, and the list down to its watermark";
  world.provider.batches = with_copy;
  world.clock.advance(61min);
  EXPECT_TRUE(world.queue.unexplained("msgbatch_copy"));
  world.clock.advance(50h);
  const auto asked = world.provider.count("list");
  world.clock.advance(26h);
  EXPECT_EQ(world.provider.count("list"), asked) << "not for ever";
}

TEST_F(ListedTest, AProviderThatFailsWhileNothingIsInFlightIsAskedAgainSoon) {
  world.add_job(4);
  world.queue.results_lost(world.submit().id, "{}", "{}", world.clock.now());
  world.provider.list_failures = {failed_call(CallFailureKind::unreachable, 0)};
  world.start(poller.run());
  EXPECT_FALSE(poller.next_poll_at());
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("list"), 1u);
  ASSERT_TRUE(poller.next_poll_at());
  EXPECT_LE(*poller.next_poll_at(), world.clock.now() + world.config.poll.max_interval);
  world.clock.advance(world.config.poll.max_interval);
  EXPECT_GE(world.provider.count("list"), 2u);
  EXPECT_FALSE(poller.next_poll_at());
}

// faults.md 73
TEST_F(ListedTest, ABatchThatNothingProvesOursIsNeverCanceledWithItsJob) {
  const auto job = world.add_job(2);
  const auto sent = world.submit(false);
  world.start(poller.run());
  world.queue.cancel_job(job, world.clock.now());
  world.poll_bell.notify();
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 0u);
  EXPECT_EQ(world.batch(sent).state, BatchState::in_progress);
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
