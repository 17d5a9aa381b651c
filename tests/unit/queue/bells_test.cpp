// What was written rings: a write wakes the stages that it concerns, though no verb says so.
#include "queue/bells.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/task_group.hpp"
#include "base/worker.hpp"
#include "support/virtual_clock.hpp"
#include "unit/queue/queue_world.hpp"

namespace offpeak {
namespace {

using testing::QueueWorld;
using testing::world_now;

class BellsTest : public ::testing::Test {
 protected:
  StageSet rung() { return world.queue->take_concerned(); }
  IntentId write_intent(JobId job, std::uint32_t requests) {
    NewIntent intent;
    intent.nonce = "0123456789abcdef01234567";
    intent.headers = {"2023-06-01", {}};
    intent.parts.push_back({{job, 0, requests}, 0, 0, {}});
    intent.requests = requests;
    intent.bytes = 1000;
    return world.queue->create_intent(intent, world_now);
  }

  QueueWorld world;
};

TEST_F(BellsTest, ALookRingsNobody) {
  world.add_job(2);
  rung();
  world.queue->open_batches();
  world.queue->jobs({});
  world.queue->pack_view(world_now, 10);
  EXPECT_TRUE(rung().empty());
}

TEST_F(BellsTest, WhatIsRungIsForgottenOnceItWasTaken) {
  world.add_job(2);
  EXPECT_FALSE(rung().empty());
  EXPECT_TRUE(rung().empty());
}

TEST_F(BellsTest, AnAcceptedJobRingsPackAndExport) {
  world.add_job(2);
  const auto stages = rung();
  EXPECT_TRUE(stages.has(Stage::pack));
  EXPECT_TRUE(stages.has(Stage::exporting)) << "a job of skipped lines alone is complete already";
}

TEST_F(BellsTest, AnIntentRingsSubmit) {
  const auto job = world.add_job(2);
  rung();
  write_intent(job, 2);
  EXPECT_TRUE(rung().has(Stage::submit));
}

// The four ways to a job that was over and never written.
TEST_F(BellsTest, TheLastRequestThatIsRefusedRingsExport) {
  const auto job = world.add_job(1);
  const auto intent = write_intent(job, 1);
  rung();
  Refusal refusal;
  refusal.kind = RefusalKind::name_request;
  refusal.result = R"({"type":"errored"})";
  world.queue->record_refused(intent, refusal, world_now);
  EXPECT_TRUE(rung().has(Stage::exporting));
}

TEST_F(BellsTest, ALoneRequestThatIsTooLargeRingsExport) {
  const auto job = world.add_job(1);
  const auto intent = write_intent(job, 1);
  rung();
  Refusal refusal;
  refusal.kind = RefusalKind::halve;
  refusal.alone_is_errored = true;
  refusal.result = R"({"type":"errored"})";
  world.queue->record_refused(intent, refusal, world_now);
  EXPECT_TRUE(rung().has(Stage::exporting));
}

TEST_F(BellsTest, NotCreatedWhileItsJobIsBeingCanceledRingsExport) {
  const auto job = world.add_job(2);
  const auto intent = write_intent(job, 2);
  world.queue->mark_committing(intent, world_now);
  world.queue->mark_unknown(intent, "no answer", world_now);
  world.queue->cancel_job(job, world_now);
  rung();
  world.queue->record_not_created(intent, world_now);
  const auto stages = rung();
  EXPECT_TRUE(stages.has(Stage::exporting));
  EXPECT_TRUE(stages.has(Stage::poll)) << "from now on lists are read for a late twin";
}

TEST_F(BellsTest, AnUnknownIntentRingsSettle) {
  const auto job = world.add_job(2);
  const auto intent = write_intent(job, 2);
  world.queue->mark_committing(intent, world_now);
  rung();
  world.queue->mark_unknown(intent, "no answer", world_now);
  EXPECT_TRUE(rung().has(Stage::settle));
}

TEST_F(BellsTest, ABatchRingsPollAndItsEndRingsCollect) {
  const auto job = world.add_job(2);
  const auto intent = write_intent(job, 2);
  world.queue->mark_committing(intent, world_now);
  rung();
  Batch batch;
  batch.provider_id = "msgbatch_1";
  const auto id = world.queue->record_created(intent, batch, true, world_now);
  EXPECT_TRUE(rung().has(Stage::poll));
  BatchSeen seen;
  seen.id = id;
  seen.state = BatchState::ended;
  world.queue->record_poll({seen}, world_now);
  EXPECT_TRUE(rung().has(Stage::collect));
}

// A stage that notes why it waits must not wake itself by that, or it would never rest.
TEST_F(BellsTest, AReasonThatIsNotedRingsNobody) {
  const auto job = world.add_job(2);
  const auto intent = write_intent(job, 2);
  world.queue->mark_committing(intent, world_now);
  world.queue->mark_unknown(intent, "no answer", world_now);
  rung();
  world.queue->note_intent(intent, "one clean list", world_now);
  EXPECT_TRUE(rung().empty());
}

TEST_F(BellsTest, WhatChangedNoRowRingsNobody) {
  world.add_job(2);
  rung();
  world.queue->forget_intake(JobId{77});
  world.queue->cancel_of_candidate_requested("msgbatch_unknown");
  EXPECT_TRUE(rung().empty());
}

TEST_F(BellsTest, WhatIsRolledBackRingsNobody) {
  const auto job = world.add_job(2);
  rung();
  NewIntent intent;
  intent.nonce = "0123456789abcdef01234567";
  intent.parts.push_back({{job, 0, 2}, 0, 0, {}});
  intent.requests = 3;
  const auto create = [&](Queue& queue) { return queue.create_intent(intent, world_now); };
  EXPECT_THROW(world.queue->write(create), QueueError) << "the parts do not add up";
  EXPECT_TRUE(rung().empty());
}

Task<> write_then_listen(Database& database, Bells& bells, bool& rang) {
  co_await database.write([](Queue& queue) { queue.pause(false, true, true, world_now); });
  rang = co_await bells.of(Stage::pack).wait_for(Duration(0));
}

TEST_F(BellsTest, TheDoorThatCommitsRingsBeforeItsCallerGoesOn) {
  boost::asio::io_context context;
  testing::VirtualClock clock(context);
  Worker worker(context.get_executor());
  Bells bells(clock, context.get_executor());
  Database database(*world.queue, worker, clock, &bells);
  bool rang = false;
  TaskGroup group(context.get_executor());
  group.spawn("writer", write_then_listen(database, bells, rang));
  clock.run_until_idle();
  EXPECT_TRUE(rang);
}

TEST_F(BellsTest, ABellThatOutlivesTheStagesIsHarmless) {
  boost::asio::io_context context;
  testing::VirtualClock clock(context);
  {
    Bells bells(clock, context.get_executor());
    bells.ring_soon(StageSet::all());
  }
  clock.run_until_idle();
}

}  // namespace
}  // namespace offpeak
