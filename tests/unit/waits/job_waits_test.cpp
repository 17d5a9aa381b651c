#include <functional>

#include "unit/waits/look_world.hpp"

namespace offpeak {
namespace {

using testing::batch_of;
using ::testing::HasSubstr;
using testing::LookWorld;
using testing::open_job;
using namespace std::chrono_literals;

struct JobWorld : LookWorld {
  Job job = open_job();
  JobWaits waits;

  void ready(std::int64_t count) {
    job.counts[RequestState::pending] = count;
    waits.ready = count;
    waits.ready_since = now - 4s;
    pending(count);
  }
  Wait wait() const {
    const auto found = wait_of(job, waits, look());
    EXPECT_TRUE(found.has_value());
    return found.value_or(Wait());
  }
};

TEST(JobWait, IsNothingForOneThatIsOver) {
  JobWorld world;
  world.job.state = JobState::done;
  EXPECT_FALSE(wait_of(world.job, world.waits, world.look()));
  world.job.state = JobState::canceled;
  EXPECT_FALSE(wait_of(world.job, world.waits, world.look()));
}

TEST(JobWait, HasAReasonWhateverIsKnown) {
  for (const auto state : {JobState::queued, JobState::running, JobState::held, JobState::canceling}) {
    for (const auto requests :
         {RequestState::pending, RequestState::assigned, RequestState::submitted, RequestState::succeeded}) {
      JobWorld world;
      world.job.state = state;
      world.job.counts[requests] = 100;
      EXPECT_FALSE(world.wait().what.empty());
    }
  }
}

TEST(JobWait, LingerSaysWhenTheBatchGoes) {
  JobWorld world;
  world.ready(50);
  world.stages.pack.send_at = world.now + 6s;
  const auto wait = world.wait();
  EXPECT_EQ(wait.kind, WaitKind::linger);
  EXPECT_EQ(wait.what, "50 requests to be sent: others may join the batch before it goes");
  EXPECT_EQ(wait.next_action_at, world.now + 6s);
  EXPECT_EQ(wait.since, world.now - 4s);
}

// What keeps everything keeps a job, in the same order of importance.
TEST(JobWait, NamesWhatKeepsEverything) {
  struct Case {
    const char* says;
    std::function<void(JobWorld&)> make;
    WaitKind kind;
  };
  const std::vector<Case> all{
      {"paused by the operator", [](JobWorld& w) { w.status.submitting_paused = true; }, WaitKind::operator_pause},
      {"HTTP 401", [](JobWorld& w) { w.fails(CallFailureKind::account, 401, "list: HTTP 401", 1s); },
       WaitKind::account},
      {"credit", [](JobWorld& w) { w.status.account = {true, "no credit", w.now + 1min, 1}; }, WaitKind::account},
      {"the list", [](JobWorld& w) { w.stages.guard = StageTrouble{"the list", w.now, w.now + 5s}; },
       WaitKind::workspace},
      {"refused", [](JobWorld& w) { w.fails(CallFailureKind::unreachable, 0, "list: refused", 1s); },
       WaitKind::provider},
      {"offpeak reconcile",
       [](JobWorld& w) {
         UnexplainedBatch open;
         open.state = "open";
         w.status.unexplained = {open};
       },
       WaitKind::unexplained_batch},
      {"HTTP 529", [](JobWorld& w) { w.status.delay = {1, "HTTP 529", w.now + 5s, w.now}; }, WaitKind::backoff},
      {"midnight UTC",
       [](JobWorld& w) { w.stages.pack.gate = PackGate{GateKind::daily_cap, "daily_cap_usd is reached", w.now + 1h}; },
       WaitKind::daily_cap},
      {"max_open_batches",
       [](JobWorld& w) { w.stages.pack.gate = PackGate{GateKind::open_batches, "max_open_batches is reached", {}}; },
       WaitKind::room},
      {"could not be told",
       [](JobWorld& w) { w.stages.pack.gate = PackGate{GateKind::same_size, "it could not be told", {}}; },
       WaitKind::turn},
      {"put back to an earlier time",
       [](JobWorld& w) {
         w.stages.pack.gate = PackGate{GateKind::restored, "the state was put back to an earlier time", w.now + 15min};
       },
       WaitKind::workspace},
      {"another batch is being sent",
       [](JobWorld& w) { w.stages.pack.gate = PackGate{GateKind::sending, "another batch is being sent", {}}; },
       WaitKind::turn},
  };
  for (const auto& one : all) {
    SCOPED_TRACE(one.says);
    JobWorld world;
    world.ready(5);
    one.make(world);
    const auto wait = world.wait();
    EXPECT_EQ(wait.kind, one.kind) << to_text(wait.kind);
    EXPECT_THAT(wait.what, HasSubstr(one.says));
    EXPECT_THAT(wait.what, ::testing::StartsWith("5 requests to be sent: "));
  }
}

TEST(JobWait, TheDailyCapEndsAtAKnownTime) {
  JobWorld world;
  world.ready(5);
  world.stages.pack.gate = PackGate{GateKind::daily_cap, "daily_cap_usd is reached", world.now + 3h};
  EXPECT_EQ(world.wait().next_action_at, world.now + 3h);
  EXPECT_EQ(world.wait().until, world.now + 3h);
}

TEST(JobWait, ABackoffThatIsOverKeepsNobody) {
  JobWorld world;
  world.ready(5);
  world.status.delay = {1, "HTTP 529", world.now - 1s, world.now - 1min};
  EXPECT_EQ(world.wait().kind, WaitKind::turn);
}

TEST(JobWait, AnotherAttemptSaysWhichWhyAndWhen) {
  JobWorld world;
  world.job.counts[RequestState::pending] = 2;
  world.waits.backing_off = 2;
  world.waits.attempts = 1;
  world.waits.error_type = "overloaded_error";
  world.waits.back_at = world.now + 14s;
  const auto wait = world.wait();
  EXPECT_EQ(wait.kind, WaitKind::attempt);
  EXPECT_EQ(wait.what, "2 requests for attempt 2 of at most 5 (the last one: overloaded_error)");
  EXPECT_EQ(wait.next_action_at, world.now + 14s);
}

TEST(JobWait, WhatALateTwinMayRunWaitsForItsResults) {
  JobWorld world;
  world.job.counts[RequestState::pending] = 2;
  world.waits.backing_off = 2;
  world.waits.back_at = world.now + 26h;
  world.waits.batches = {batch_of(3, world.now - 1min)};
  world.waits.batches[0].twin = true;
  EXPECT_EQ(world.wait().kind, WaitKind::twin);
}

TEST(JobWait, ABatchSaysSinceWhenAndUntilWhen) {
  JobWorld world;
  world.job.counts[RequestState::submitted] = 100;
  world.waits.batches = {batch_of(1, world.now - 41min)};
  world.stages.next_poll_at = world.now + 30s;
  const auto wait = world.wait();
  EXPECT_EQ(wait.kind, WaitKind::batch);
  EXPECT_THAT(wait.what, HasSubstr("b1 (msgbatch_1) with 100 requests"));
  EXPECT_EQ(wait.since, world.now - 41min);
  EXPECT_EQ(wait.until, world.now - 41min + 24h);
  EXPECT_EQ(wait.next_action_at, world.now + 30s);
}

TEST(JobWait, TheWorstOfSeveralBatchesIsNamed) {
  JobWorld world;
  world.job.counts[RequestState::submitted] = 200;
  world.waits.batches = {batch_of(1, world.now - 41min), batch_of(2, world.now - 30min)};
  world.stages.missing_since[BatchId{2}] = world.now - 1h;
  const auto wait = world.wait();
  EXPECT_EQ(wait.kind, WaitKind::missing_batch);
  EXPECT_EQ(wait.command, "offpeak reconcile msgbatch_2 gone");
  EXPECT_THAT(wait.what, HasSubstr("and 1 more batch"));
}

TEST(JobWait, AnAnswerThatIsAwaitedEndsWithTheTimeOut) {
  JobWorld world;
  world.job.counts[RequestState::assigned] = 50;
  world.waits.intents = {{IntentId{1}, IntentState::committing, world.now - 10s, world.now - 5s, {}, {}, 50}};
  EXPECT_EQ(world.wait().kind, WaitKind::upload);
  EXPECT_EQ(world.wait().until, world.now - 5s + world.config.provider.answer_timeout);
}

TEST(JobWait, ALostAnswerNamesTheVerdictAndTheCommand) {
  JobWorld world;
  world.job.counts[RequestState::assigned] = 50;
  world.waits.intents = {
      {IntentId{1}, IntentState::unknown, world.now - 2min, world.now - 1min, "cut", world.now + 1min, 50}};
  world.stages.verdict_at[IntentId{1}] = world.now + 14min;
  const auto wait = world.wait();
  EXPECT_EQ(wait.kind, WaitKind::unknown_create);
  EXPECT_THAT(wait.what, HasSubstr("offpeak reconcile intent-1"));
  EXPECT_EQ(wait.until, world.now + 14min);
  EXPECT_EQ(wait.next_action_at, world.now + 1min);
}

TEST(JobWait, AllPartsAreNamedAndTheSoonestTimeCounts) {
  JobWorld world;
  world.ready(3);
  world.stages.pack.send_at = world.now + 60s;
  world.job.counts[RequestState::submitted] = 97;
  world.waits.batches = {batch_of(1, world.now - 41min)};
  world.stages.next_poll_at = world.now + 30s;
  const auto wait = world.wait();
  EXPECT_EQ(wait.kind, WaitKind::batch);
  EXPECT_THAT(wait.what, HasSubstr("; 3 requests to be sent: "));
  EXPECT_EQ(wait.next_action_at, world.now + 30s);
}

TEST(JobWait, OverAndNotWritten) {
  JobWorld world;
  world.job.counts[RequestState::succeeded] = 100;
  EXPECT_EQ(world.wait().kind, WaitKind::writing);
  world.stages.exports[JobId{7}] = {"no space left", world.now - 1h, 9, world.now + 1min};
  EXPECT_EQ(world.wait().kind, WaitKind::writing_fails);
  EXPECT_THAT(world.wait().what, HasSubstr("no space left"));
  EXPECT_EQ(world.wait().health, Health::degraded);
}

TEST(JobWait, AHoldOfTheOperatorAsksNobody) {
  JobWorld world;
  world.job.state = JobState::held;
  world.job.counts[RequestState::pending] = 100;
  world.job.reason = std::string(held_by_operator);
  EXPECT_EQ(world.wait().health, Health::ok);
  world.job.reason = "max_cost_usd is reached";
  EXPECT_EQ(world.wait().health, Health::needs_human);
  EXPECT_EQ(world.wait().command, "offpeak release 7");
}

TEST(JobWait, OneThatIsBeingCanceledSaysWhatItWaitsFor) {
  JobWorld world;
  world.job.state = JobState::canceling;
  world.job.counts[RequestState::submitted] = 100;
  world.waits.batches = {batch_of(1, world.now - 41min)};
  EXPECT_THAT(world.wait().what, ::testing::StartsWith("canceled by the operator"));
  EXPECT_THAT(world.wait().what, HasSubstr("msgbatch_1"));
}

}  // namespace
}  // namespace offpeak
