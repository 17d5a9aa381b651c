// Where a claimed batch goes: to the intent that its ids name, to the requests that its results name, or nowhere, which
// is said. Nothing is booked twice.
#include "results/claimer.hpp"
#include "unit/results/claim_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::result_line;
using testing::succeeded_value;

class ClaimBooking : public testing::ClaimWorld {
 protected:
  // An intent of ours with the ids of the batch that will be claimed, about to be sent.
  IntentId intent_of(JobId job, std::uint32_t requests) {
    NewIntent made;
    made.nonce = lost_nonce;
    made.headers = {"2023-06-01", {}};
    made.parts = {{{job, 0, requests}, 0, 0, {}}};
    made.requests = requests;
    return world.queue.create_intent(made, world.clock.now());
  }
  std::string old_line(std::uint32_t place) {
    return fmt::format("{{\"custom_id\":\"{}-{}\",\"result\":{}}}\n", lost_nonce, place, succeeded_value());
  }
  void expect_nothing_booked() {
    EXPECT_FALSE(world.queue.batch(lost));
    expect_sound();
  }
};

// Its own answer tells soonest what became of it.
TEST_F(ClaimBooking, AnIntentThatIsBeingSentIsWaitedFor) {
  const auto job = world.add_job(2);
  const auto intent = intent_of(job, 2);
  lose(lines_of(job, 2));
  start();
  expect_waits("which is not decided yet");
  world.queue.mark_committing(intent, world.clock.now());
  world.clock.advance(3min);
  expect_waits("which is not decided yet");
  EXPECT_EQ(claim().failures, 0u) << "that is no failure";
  world.queue.mark_unknown(intent, "reset", world.clock.now());
  world.clock.advance(2min);
  expect_claimed(job, 2);
  EXPECT_EQ(world.queue.batch(lost)->intent, intent);
  EXPECT_EQ(world.queue.intent(intent)->state, IntentState::created);
  EXPECT_FALSE(world.queue.batch(lost)->twin);
}

TEST_F(ClaimBooking, ABatchOfAnIntentThatWasTakenAsNotCreatedGoesToIt) {
  const auto job = world.add_job(2);
  const auto intent = intent_of(job, 2);
  world.queue.record_refused(intent, {}, world.clock.now());
  lose(lines_of(job, 2));
  start();
  expect_claimed(job, 2);
  EXPECT_EQ(world.queue.batch(lost)->intent, intent);
  EXPECT_TRUE(world.queue.batch(lost)->twin);
  EXPECT_EQ(ready(), 0u);
}

// It was run twice, and both are on the bill: nobody is told lightly, and nothing is booked on top.
TEST_F(ClaimBooking, ABatchWhoseIntentHasAnotherIsAnErrorAndNothingElse) {
  const auto job = world.add_job(2);
  const auto sent = world.submit();
  std::string body;
  for (Seq seq = 0; seq < 2; ++seq) body += result_line(sent.nonce, seq, succeeded_value(), print_of(job, seq));
  lose(lost, 2, body);
  start();
  EXPECT_TRUE(world.log.has("error claim.duplicate"));
  EXPECT_EQ(claim().state, "claimed");
  EXPECT_EQ(world.queue.batch(sent.provider_id)->intent, sent.intent);
  EXPECT_EQ(world.job(job).counts[RequestState::submitted], 2);
  expect_nothing_booked();
}

// The audit, or the settling of an unknown intent, has found it while the claim waited: then it is ours already.
TEST_F(ClaimBooking, ABatchThatWasBookedMeanwhileIsNoDuplicate) {
  const auto job = world.add_job(2);
  const auto intent = intent_of(job, 2);
  world.queue.mark_committing(intent, world.clock.now());
  lose(lines_of(job, 2));
  Batch found;
  found.provider_id = lost;
  found.created_at = world.clock.now();
  world.provider.during = [&](const std::string& call) {
    if (call.starts_with("results")) world.queue.record_created(intent, found, true, world.clock.now());
  };
  start();
  EXPECT_EQ(claim().state, "claimed");
  EXPECT_EQ(claimed_of(job), 2u);
  EXPECT_FALSE(world.log.has("error")) << "nothing was run twice";
  EXPECT_TRUE(world.log.has("info claim.known"));
  expect_sound();
}

TEST_F(ClaimBooking, IdsOfAnEarlierVersionAreGivenUpOpenly) {
  world.add_job(2);
  lose({old_line(0), old_line(1)});
  start();
  EXPECT_EQ(claim().state, "open");
  EXPECT_TRUE(world.log.has("error claim.impossible"));
  EXPECT_NE(claim().reason->find("an earlier version"), std::string::npos);
  EXPECT_EQ(ready(), 2u);
  expect_nothing_booked();
}

// The nonce says enough, where the intent is known.
TEST_F(ClaimBooking, IdsOfAnEarlierVersionStillNameTheirIntent) {
  const auto job = world.add_job(2);
  world.queue.record_refused(intent_of(job, 2), {}, world.clock.now());
  lose({old_line(0), old_line(1)});
  start();
  expect_claimed(job, 2);
}

TEST_F(ClaimBooking, ABatchWithoutIdsOfOursIsNobodys) {
  world.add_job(2);
  lose({R"({"custom_id":"mine-1","result":{"type":"expired"}})"
        "\n"});
  start();
  EXPECT_EQ(claim().state, "claimed");
  EXPECT_EQ(claim().unmatched, 1u);
  EXPECT_TRUE(world.log.has("warning claim.nothing_ours"));
  EXPECT_EQ(ready(), 2u);
  expect_nothing_booked();
}

TEST_F(ClaimBooking, ABatchWithoutLinesIsNobodys) {
  lose({});
  start();
  EXPECT_EQ(claim().state, "claimed");
  expect_nothing_booked();
}

TEST_F(ClaimBooking, RequestsThatDoNotWaitHereAreNobodys) {
  world.add_job(2);
  lose(lines_of(JobId{99}, 2));
  start();
  EXPECT_EQ(claim().state, "claimed");
  EXPECT_EQ(claim().unmatched, 2u);
  EXPECT_TRUE(world.log.has("warning claim.nothing_ours"));
  EXPECT_EQ(ready(), 2u);
  expect_nothing_booked();
}

TEST_F(ClaimBooking, WhatTheOperatorDismissesMeanwhileIsNotBooked) {
  const auto job = lose_job(2);
  world.provider.during = [&](const std::string& call) {
    if (call.starts_with("results")) world.queue.dismiss_unexplained(lost);
  };
  start();
  world.clock.advance(1h);
  EXPECT_EQ(claim().state, "dismissed");
  EXPECT_EQ(claimed_of(job), 0u);
  EXPECT_EQ(ready(), 2u);
  EXPECT_FALSE(world.log.has("claim.recorded"));
  expect_nothing_booked();
}

TEST_F(ClaimBooking, OneClaimThatWaitsDoesNotHoldTheOthers) {
  const auto job = world.add_job(2);
  lose("msgbatch_earlier", 1, old_line(0));
  world.provider.batch("msgbatch_earlier").status = ProcessingStatus::in_progress;
  lose(lines_of(job, 2));
  start();
  EXPECT_EQ(claim().state, "claimed");
  EXPECT_EQ(claimed_of(job), 2u);
  EXPECT_EQ(world.queue.unexplained("msgbatch_earlier")->state, "claiming");
  EXPECT_TRUE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
}

}  // namespace
}  // namespace offpeak
