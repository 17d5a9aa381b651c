// A state that was put back to an earlier time sends nothing before a list shows what it has forgotten (product contract
// 6.7; faults.md 18, 67).
#include "submit/guard.hpp"
#include "unit/submit/submit_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::failed_call;

class RestoreTest : public testing::SubmitTest {
 protected:
  // Before its backup the state has sent one batch, which is done; then it was put back, and something in claimed/ tells
  // of it.
  void put_back() {
    world.add_job(2, "known");
    world.submit(true, "msgbatch_known");
    provider.add("msgbatch_known", 2);
    world.clock.advance(1min);
    world.queue.skip_job_ids({JobId{900}}, false, world.clock.now());
  }
  void restart() {
    world.queue.recover(world.clock.now());
    world.start(watch());
  }
  Task<> watch() {
    co_await guard.pass();
    co_await guard.watch();
  }
  std::optional<PackGate> gate_now() {
    const auto now = world.clock.now();
    return closed_gate(world.queue.pack_view(now, 10), world.config, now);
  }
  bool holds() { return gate_now() && gate_now()->kind == GateKind::restored; }
  std::vector<std::string> unexplained() {
    std::vector<std::string> ids;
    for (const auto& one : world.queue.unexplained()) ids.push_back(one.provider_id);
    return ids;
  }
};

TEST_F(RestoreTest, WhatIsListedOnlyAfterTheStartIsSeenBeforeAnythingIsSent) {
  put_back();
  restart();
  world.clock.advance(10min);
  ASSERT_TRUE(holds());
  EXPECT_EQ(gate_now()->until, world.queue.restored_at().value() + world.config.provider.settle_unknown);
  provider.add("msgbatch_forgotten", 3);
  world.clock.advance(6min);
  EXPECT_EQ(unexplained(), std::vector<std::string>{"msgbatch_forgotten"});
  EXPECT_EQ(gate_now()->kind, GateKind::unexplained);
  EXPECT_EQ(world.queue.dismiss_unexplained("msgbatch_forgotten"), Decided::done);
  world.bells.ring(world.queue.take_concerned());
  world.clock.advance(1min);
  EXPECT_FALSE(gate_now()) << "what was decided rings";
}

TEST_F(RestoreTest, WhereALaterListShowsNothingItGoesOn) {
  put_back();
  restart();
  world.clock.advance(14min);
  EXPECT_TRUE(holds());
  world.clock.advance(2min);
  EXPECT_FALSE(gate_now());
  EXPECT_FALSE(world.queue.restored_at());
}

// The time is counted from the start: what was sent before that has been listed by then.
TEST_F(RestoreTest, AnotherStartWaitsOnceMore) {
  put_back();
  restart();
  world.clock.advance(10min);
  world.stop();
  world.queue.recover(world.clock.now());
  Guard again(guard_doors(), world.bells.of(Stage::guard));
  world.start(again.pass());
  EXPECT_EQ(gate_now()->until, world.clock.now() + world.config.provider.settle_unknown);
  world.stop();
}

TEST_F(RestoreTest, AListThatCannotBeReadLetsNothingGo) {
  put_back();
  restart();
  world.clock.advance(10min);
  for (int i = 0; i < 1000; ++i) provider.list_failures.push_back(failed_call(CallFailureKind::unreachable, 0));
  world.clock.advance(2h);
  EXPECT_TRUE(holds());
  ASSERT_TRUE(guard.waiting());
  EXPECT_TRUE(guard.waiting()->next_try_at);
  EXPECT_FALSE(gate_now()->until) << "nobody knows";
  provider.list_failures.clear();
  world.clock.advance(1h);
  EXPECT_FALSE(gate_now());
  EXPECT_FALSE(guard.waiting());
}

// Adopted by its count, and disproved by its results: until then a batch of forgotten work looks explained.
TEST_F(RestoreTest, WhatIsUnprovenHoldsUntilItsResultsHaveCome) {
  put_back();
  const auto lost = lose_one(5);
  provider.add("msgbatch_ours", 5);
  provider.add("msgbatch_forgotten", 5);
  provider.unlisted = {"msgbatch_ours"};
  restart();
  Settler settler(world.database, gate, world.clock, world.log, world.config, world.settle_bell);
  world.start(settler.run());
  world.clock.advance(1h);
  ASSERT_EQ(state(lost.id), IntentState::created);
  EXPECT_TRUE(holds());
  const auto adopted = world.queue.batch("msgbatch_forgotten");
  ASSERT_TRUE(adopted);
  world.queue.disprove_batch(adopted->id, world.clock.now());
  world.bells.ring(world.queue.take_concerned());
  provider.unlisted.clear();
  world.clock.advance(1h);
  EXPECT_TRUE(world.queue.batch("msgbatch_ours"));
  EXPECT_EQ(unexplained(), std::vector<std::string>{"msgbatch_forgotten"});
}

// What was adopted meanwhile is the newest that is known. It must not hide what is older, not even after another start.
TEST_F(RestoreTest, WhatIsAdoptedHidesNothingBelow) {
  put_back();
  const auto known_at = world.queue.newest_known_at();
  world.clock.advance(1min);
  const auto lost = lose_one(5);
  provider.add("msgbatch_ours", 5);
  restart();
  Settler settler(world.database, gate, world.clock, world.log, world.config, world.settle_bell);
  world.start(settler.run());
  world.clock.advance(1min);
  ASSERT_EQ(state(lost.id), IntentState::created);
  EXPECT_NE(world.queue.newest_known_at(), known_at);
  EXPECT_EQ(world.queue.start_floor(world.clock.now()).created_at, known_at);
}

// Where a full disk undoes the write, the guard reads the list once more, and must find what it found.
TEST_F(RestoreTest, AListThatCouldNotBeStoredIsNotSeen) {
  put_back();
  world.queue.recover(world.clock.now());
  provider.add("msgbatch_forgotten", 3);
  const auto listed = provider.batches;
  const ListMoment moment{world.clock.now(), std::nullopt, true};
  const auto first_look = [&](Queue& queue) {
    queue.see_list(listed, moment, Queue::ListLook::start);
    throw QueueDiskFull("the disk is full");
  };
  EXPECT_THROW(world.queue.write(first_look), QueueDiskFull);
  const auto first_start = [&](Queue& queue) {
    queue.take_as_known({}, moment);
    throw QueueDiskFull("the disk is full");
  };
  EXPECT_THROW(world.queue.write(first_start), QueueDiskFull);
  EXPECT_TRUE(world.queue.see_list(listed, moment, Queue::ListLook::running).empty());
  world.queue.see_list(listed, moment, Queue::ListLook::start);
  EXPECT_EQ(unexplained(), std::vector<std::string>{"msgbatch_forgotten"});
}

TEST_F(RestoreTest, InASharedWorkspaceNoListTellsWhatIsOurs) {
  world.config.provider.exclusive = false;
  put_back();
  restart();
  EXPECT_FALSE(gate_now());
  world.clock.advance(1h);
  EXPECT_TRUE(world.queue.restored_at()) << "what came back is released by the operator";
}

}  // namespace
}  // namespace offpeak
