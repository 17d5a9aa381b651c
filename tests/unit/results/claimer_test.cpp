// Claims whose calls fail, are refused or have to wait: nothing is decided on a failure that passes, everything is
// told, and what the batch ran is neither sent again nor lost.
#include "results/claimer.hpp"

#include "support/full_disk.hpp"
#include "unit/results/claim_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::failed_call;
using testing::FullDisk;
using Kind = CallFailureKind;

class ClaimCalls : public testing::ClaimWorld {
 protected:
  // The batch is still being processed.
  void keep_running() {
    auto& told = world.provider.batch(lost);
    told.status = ProcessingStatus::in_progress;
    told.counts = {told.counts.succeeded, 0, 0, 0, 0};
  }
  void end_now() {
    auto& told = world.provider.batch(lost);
    told.status = ProcessingStatus::ended;
    told.counts = {0, told.counts.processing, 0, 0, 0};
  }
};

const std::vector<CallFailure> every_failure{failed_call(Kind::throttled, 429), failed_call(Kind::throttled, 500),
                                             failed_call(Kind::unreachable, 0), failed_call(Kind::account, 401),
                                             failed_call(Kind::not_found, 404), failed_call(Kind::refused, 400),
                                             failed_call(Kind::unreadable, 200)};

TEST_F(ClaimCalls, ABatchThatCannotBeAskedForDecidesNothing) {
  const auto job = lose_job(3);
  world.provider.retrieve_failures.assign(every_failure.begin(), every_failure.end());
  start();
  for (std::uint32_t failures = 1; failures <= every_failure.size(); ++failures) {
    ASSERT_EQ(claim().failures, failures);
    expect_waits(every_failure[failures - 1].message);
    world.clock.advance(*claim().next_action_at - world.clock.now() + 1s);
  }
  EXPECT_EQ(world.log.count("warning claim.waiting"), every_failure.size());
  expect_claimed(job, 3);
}

TEST_F(ClaimCalls, ResultsThatDoNotComeDecideNothing) {
  const auto job = lose_job(3);
  auto& downloads = world.provider.downloads[lost];
  const auto whole = downloads.front().body;
  downloads.clear();
  for (const auto& failure : every_failure) downloads.push_back({whole.substr(0, whole.size() / 2), failure});
  downloads.push_back({whole, std::nullopt});
  start();
  for (const auto& failure : every_failure) {
    expect_waits(failure.message);
    world.clock.advance(*claim().next_action_at - world.clock.now() + 1s);
  }
  expect_claimed(job, 3);
}

// Whether it was deleted, or this is the key of another workspace, only a human can tell.
TEST_F(ClaimCalls, ABatchThatTheProviderDoesNotKnowIsWaitedForAndTheWayOutIsNamed) {
  lose_job(3);
  world.provider.batches.clear();
  start();
  world.clock.advance(48h);
  expect_waits("scripted 404");
  expect_waits("offpeak reconcile msgbatch_lost dismiss");
  EXPECT_LT(world.provider.count("retrieve"), 80u) << "an hour apart in the end";
  EXPECT_EQ(ready(), 3u);
}

TEST_F(ClaimCalls, TheWaitGrowsWithEveryFailureUpToItsLimit) {
  lose_job(1);
  world.provider.retrieve_failures.assign(12, failed_call(Kind::unreachable, 0));
  start();
  Duration longest{};
  for (int failures = 1; failures <= 12; ++failures) {
    const auto wait = *claim().next_action_at - world.clock.now();
    const auto full = std::min<Duration>(30s * (1 << (failures - 1)), 1h);
    EXPECT_LE(wait, full);
    EXPECT_GE(wait, full / 2 - 1min) << "the round that finds it due comes within the minute";
    longest = std::max(longest, wait);
    world.clock.advance_until([&] { return claim().failures > static_cast<std::uint32_t>(failures); }, wait + 2min);
  }
  EXPECT_GT(longest, 29min);
}

TEST_F(ClaimCalls, APauseThatTheProviderAsksForIsKept) {
  const auto job = lose_job(2);
  world.provider.retrieve_failures = {failed_call(Kind::throttled, 429, 20min)};
  start();
  EXPECT_EQ(claim().next_action_at, world.clock.now() + 20min);
  for (int minute = 0; minute < 19; ++minute) {
    look();
    world.clock.advance(1min);
  }
  EXPECT_EQ(world.provider.count("retrieve"), 1u) << "ringing does not make it come sooner";
  world.clock.advance(2min);
  expect_claimed(job, 2);
}

// A proxy's page, as long as the results and twice the same.
TEST_F(ClaimCalls, APageInPlaceOfTheResultsIsNotTakenForAStrangers) {
  const auto job = lose_job(3);
  const std::string page = "<html>\n<head><title>502</title></head>\n<body>\n</body>\n</html>\n";
  auto& downloads = world.provider.downloads[lost];
  for (int i = 0; i < 5; ++i) downloads.push_front({page, std::nullopt});
  start();
  for (int i = 0; i < 5; ++i) {
    expect_waits("no id");
    expect_waits("offpeak reconcile msgbatch_lost dismiss");
    world.clock.advance(*claim().next_action_at - world.clock.now() + 1s);
  }
  expect_claimed(job, 3);
}

// What the status says of the next try is so, however rarely batches are looked at.
TEST_F(ClaimCalls, TheTimeThatIsSaidIsKeptWhereBatchesAreRarelyPolled) {
  world.config.poll.max_interval = 6h;
  const auto job = lose_job(2);
  world.provider.retrieve_failures = {failed_call(Kind::unreachable, 0)};
  start();
  const auto said = claim().next_action_at.value();
  EXPECT_LT(said, world.clock.now() + 1min);
  world.clock.advance(said - world.clock.now() + 1s);
  expect_claimed(job, 2);
}

TEST_F(ClaimCalls, APauseIsNeverLongerThanTheLongestBackoff) {
  lose_job(1);
  world.provider.retrieve_failures = {failed_call(Kind::throttled, 429, 48h)};
  start();
  EXPECT_EQ(claim().next_action_at, world.clock.now() + 1h);
}

TEST_F(ClaimCalls, APauseThatTheResultsAskForIsKept) {
  const auto job = lose_job(2);
  auto& downloads = world.provider.downloads[lost];
  downloads.push_front({"", failed_call(Kind::throttled, 429, 20min)});
  start();
  expect_waits("scripted 429");
  world.clock.advance(19min);
  EXPECT_EQ(world.provider.count("results"), 1u);
  world.clock.advance(2min);
  expect_claimed(job, 2);
}

TEST_F(ClaimCalls, AClaimIsPassedOverUntilItsTime) {
  const auto job = lose_job(2);
  world.queue.note_claim(lost, "before", world.clock.now() + 50min, true);
  start();
  world.clock.advance(49min);
  EXPECT_TRUE(world.provider.calls.empty());
  expect_waits("before");
  world.clock.advance(2min);
  expect_claimed(job, 2);
}

TEST_F(ClaimCalls, ATimeBeyondEveryWaitTellsOfAClockThatWasSetBack) {
  const auto job = lose_job(2);
  world.queue.note_claim(lost, "before", world.clock.now() + 24h * 100, true);
  start();
  expect_claimed(job, 2);
}

TEST_F(ClaimCalls, ABatchThatRunsIsWaitedForInSight) {
  const auto job = lose_job(4);
  keep_running();
  start();
  expect_waits("4 of 4 requests are in processing");
  world.clock.advance(5h);
  expect_waits("waits until the batch has ended");
  EXPECT_EQ(claim().failures, 0u);
  EXPECT_EQ(world.provider.count("results"), 0u);
  end_now();
  world.clock.advance(2min);
  expect_claimed(job, 4);
}

TEST_F(ClaimCalls, WhatTheProviderHasDeletedIsGivenUpOpenly) {
  lose_job(3);
  world.provider.batch(lost).archived_at = world.clock.now();
  start();
  EXPECT_EQ(claim().state, "open");
  EXPECT_NE(claim().reason->find("has deleted its results"), std::string::npos);
  EXPECT_TRUE(world.log.has("error claim.impossible"));
  EXPECT_TRUE(world.log.has("offpeak reconcile msgbatch_lost dismiss"));
  world.clock.advance(5h);
  EXPECT_EQ(world.provider.calls.size(), 1u) << "nobody asks again by himself";
  EXPECT_TRUE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches) << "nothing is sent either";
  EXPECT_EQ(ready(), 3u);
}

TEST_F(ClaimCalls, ACancelThatFailsIsAskedForAgain) {
  const auto job = lose_job(3);
  keep_running();
  world.queue.claim_unexplained(lost, true);
  world.provider.cancel_failures = {failed_call(Kind::throttled, 429, 10min), failed_call(Kind::not_found, 404)};
  start();
  expect_waits("scripted 429");
  EXPECT_TRUE(claim().cancel_wanted);
  world.clock.advance(9min);
  EXPECT_EQ(world.provider.count("cancel"), 1u);
  world.clock.advance(10min);
  EXPECT_TRUE(world.log.has("scripted 404"));
  EXPECT_EQ(world.provider.count("cancel"), 3u);
  EXPECT_TRUE(world.log.has("info claim.cancel_requested"));
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 3u) << "asked for once is enough";
  expect_waits("waits until the batch has ended");
  end_now();
  world.clock.advance(2min);
  expect_claimed(job, 3);
}

TEST_F(ClaimCalls, ACancelThatIsRefusedIsToldAndNotRepeated) {
  const auto job = lose_job(3);
  keep_running();
  world.queue.claim_unexplained(lost, true);
  world.provider.cancel_failures = {failed_call(Kind::refused, 409)};
  start();
  EXPECT_TRUE(world.log.has("warning claim.cancel_refused"));
  EXPECT_TRUE(world.log.has("scripted 409"));
  EXPECT_FALSE(world.log.has("claim.cancel_requested"));
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 1u);
  end_now();
  world.clock.advance(2min);
  expect_claimed(job, 3);
}

TEST_F(ClaimCalls, WhatIsDismissedWhileItIsAskedForIsNotCanceled) {
  lose_job(3);
  keep_running();
  world.queue.claim_unexplained(lost, true);
  world.provider.during = [&](const std::string&) { world.queue.dismiss_unexplained(lost); };
  start();
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.calls, std::vector<std::string>{"retrieve msgbatch_lost"});
  EXPECT_EQ(claim().state, "dismissed");
}

// What a restored state has forgotten is taken in again at the start: until then its requests cannot be found.
TEST_F(ClaimCalls, JobFilesThatAreBeingTakenInAreWaitedFor) {
  const auto intake = world.queue.announce_intake(IntakeSource::folder, "again.jsonl", {}, world.clock.now());
  const JobId job{intake.value + 1};
  lose(lines_of(job, 2));
  start();
  expect_waits("job files that are being taken in");
  EXPECT_EQ(world.provider.count("results"), 0u);
  ASSERT_EQ(world.add_job(2), job);
  world.clock.advance(5min);
  expect_waits("job files that are being taken in");
  world.queue.forget_intake(intake);
  world.clock.advance(2min);
  expect_claimed(job, 2);
}

TEST_F(ClaimCalls, AFullDatabaseIsWaitedOut) {
  const auto job = lose_job(2);
  for (int fits = 0; fits < 4; ++fits) {
    const FullDisk full(fits);
    if (fits == 0) start();
    look();
    EXPECT_TRUE(full.hit());
    EXPECT_EQ(claim().state, "claiming");
    world.clock.advance(1min);
  }
  EXPECT_TRUE(world.log.has("error claim.disk_full"));
  world.clock.advance(3h);
  expect_claimed(job, 2);
}

// A batch of an intent whose outcome is unknown; the operator wants it canceled.
class CandidateCancels : public ClaimCalls {
 protected:
  CandidateCancels() {
    world.add_job(2);
    const auto view = world.queue.pack_view(world.clock.now(), 10);
    NewIntent made;
    made.nonce = std::string(24, 'c');
    made.headers = view.jobs.at(0).headers;
    made.parts = {{view.jobs.at(0).pending.at(0).range, 0, 0, {}}};
    made.requests = 2;
    intent = world.queue.create_intent(made, world.clock.now());
    world.queue.mark_committing(intent, world.clock.now());
    world.queue.mark_unknown(intent, "reset", world.clock.now());
    want_canceled({"msgbatch_a"});
  }
  void want_canceled(const std::vector<std::string>& names) {
    std::vector<Candidate> candidates;
    const auto now = world.clock.now();
    for (const auto& name : names) candidates.push_back({name, now, now + 24h, false, false});
    world.queue.record_candidates(intent, candidates);
    for (const auto& name : names) {
      ProviderBatch told;
      told.id = name;
      world.provider.batches.push_back(told);
      EXPECT_EQ(world.queue.cancel_candidate(intent, name), Decided::done);
    }
  }
  IntentId intent;
};

TEST_F(CandidateCancels, OneThatFailsIsAskedForAgain) {
  world.provider.cancel_failures = {failed_call(Kind::unreachable, 0), failed_call(Kind::not_found, 404)};
  start();
  EXPECT_TRUE(world.log.has("warning cancel.failed"));
  EXPECT_EQ(world.queue.candidates_to_cancel().size(), 1u);
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 3u);
  EXPECT_TRUE(world.queue.candidates_to_cancel().empty());
  EXPECT_TRUE(world.log.has("info candidate.cancel_requested"));
}

TEST_F(CandidateCancels, OneThatGoesWellDoesNotHideOneThatFailed) {
  want_canceled({"msgbatch_a", "msgbatch_b"});
  world.provider.cancel_failures = {failed_call(Kind::unreachable, 0)};
  start();
  EXPECT_EQ(world.provider.count("cancel"), 2u);
  EXPECT_EQ(world.queue.candidates_to_cancel().size(), 1u);
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 3u);
  EXPECT_TRUE(world.queue.candidates_to_cancel().empty());
}

TEST_F(CandidateCancels, APauseThatTheProviderAsksForIsKept) {
  world.provider.cancel_failures = {failed_call(Kind::throttled, 429, 20min)};
  start();
  for (int minute = 0; minute < 19; ++minute) {
    look();
    world.clock.advance(1min);
  }
  EXPECT_EQ(world.provider.count("cancel"), 1u);
  world.clock.advance(2min);
  EXPECT_EQ(world.provider.count("cancel"), 2u);
}

TEST_F(CandidateCancels, OneThatIsRefusedIsToldAndNotRepeated) {
  world.provider.cancel_failures = {failed_call(Kind::refused, 409)};
  start();
  EXPECT_TRUE(world.log.has("warning candidate.cancel_refused"));
  EXPECT_TRUE(world.log.has("scripted 409"));
  EXPECT_FALSE(world.log.has("candidate.cancel_requested"));
  world.clock.advance(1h);
  EXPECT_EQ(world.provider.count("cancel"), 1u);
  EXPECT_EQ(world.queue.intent(intent)->state, IntentState::unknown) << "nothing is decided by that";
}

}  // namespace
}  // namespace offpeak
