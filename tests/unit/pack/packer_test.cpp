// The stage around the plan: when it asks for the watermark and writes an intent, and when it waits.
#include "pack/packer.hpp"

#include "unit/results/stage_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::StageWorld;

class PackerStage : public ::testing::Test {
 protected:
  PackerStage()
      : world(folder),
        packer(world.database, world.provider, world.clock, world.random, world.log, world.config, world.pack_bell) {
    world.config.batch.linger = 1min;
  }
  ~PackerStage() override { world.stop(); }

  std::uint32_t requests_on_their_way() {
    const auto intent = world.queue.uploading_intent();
    return intent ? intent->requests : 0;
  }
  // The one on its way was sent, and nobody knows what became of it.
  IntentId send_into_the_unknown() {
    const auto id = world.queue.uploading_intent().value().id;
    world.queue.mark_committing(id, world.clock.now());
    world.queue.mark_unknown(id, "no answer", world.clock.now());
    world.pack_bell.notify();
    world.clock.run_until_idle();
    return id;
  }

  TemporaryFolder folder;
  StageWorld world;
  Packer packer;
};

TEST_F(PackerStage, FewRequestsWaitForMoreUntilTheOldestHasWaitedLongEnough) {
  world.add_job(3);
  world.start(packer.run());
  world.clock.advance(50s);
  EXPECT_EQ(requests_on_their_way(), 0u);
  EXPECT_TRUE(world.provider.calls.empty()) << "no watermark is read before it is time";
  world.clock.advance(15s);
  EXPECT_EQ(requests_on_their_way(), 3u);
  EXPECT_EQ(world.provider.count("list"), 1u);
}

// faults.md 69. A create whose answer is lost would be taken as not created by such a list, and sent again.
TEST_F(PackerStage, NothingIsSentByAListThatHidesABatchOfOurs) {
  world.add_job(2, "known");
  const auto known = world.submit();
  world.queue.results_lost(known.id, "{}", "{}", world.clock.now());
  world.clock.advance(world.config.provider.settle_unknown + 1s);
  const auto all = world.provider.batches;
  world.provider.during = [&](const std::string& call) {
    world.provider.batches = call.starts_with("list") ? decltype(all)() : all;
  };
  world.add_job(3);
  world.start(packer.run());
  world.clock.advance(1h);
  EXPECT_EQ(requests_on_their_way(), 0u);
  EXPECT_TRUE(world.log.has("it does not show batch " + known.provider_id));
  world.provider.during = nullptr;
  world.provider.batches.clear();  // it was deleted
  world.clock.advance(2h);
  EXPECT_EQ(requests_on_their_way(), 3u);
}

TEST_F(PackerStage, AsManyAsABatchMayHaveGoAtOnce) {
  world.config.batch.max_requests = 3;
  world.add_job(7);
  world.start(packer.run());
  EXPECT_EQ(requests_on_their_way(), 3u);
  EXPECT_TRUE(world.log.has("info intent.written"));
}

TEST_F(PackerStage, AsManyBytesAsABatchMayHaveGoAtOnce) {
  world.config.batch.max_bytes = 300;
  world.add_job(7);
  world.start(packer.run());
  EXPECT_GT(requests_on_their_way(), 0u);
  EXPECT_LT(requests_on_their_way(), 7u);
}

// Two unsettled intents of one size could not be told apart, and here no other size is possible.
TEST_F(PackerStage, WhatCannotBeToldFromWhatIsUnsettledWaitsWithoutAskingOverAndOver) {
  world.config.batch.max_requests = 2;
  world.config.batch.max_bytes = 1;
  world.add_job(3);
  world.start(packer.run());
  ASSERT_EQ(requests_on_their_way(), 1u) << "one that fits nowhere goes alone";
  const auto lists = world.provider.count("list");
  const auto unknown = send_into_the_unknown();
  world.clock.advance(1min);
  EXPECT_EQ(requests_on_their_way(), 0u);
  EXPECT_LE(world.provider.count("list"), lists + 1);
  ASSERT_TRUE(packer.facts().gate);
  EXPECT_EQ(packer.facts().gate->kind, GateKind::same_size) << "and a person can read why";
  world.queue.record_not_created(unknown, world.clock.now());
  world.bells.of(Stage::pack).notify();
  world.clock.advance(2s);
  EXPECT_EQ(requests_on_their_way(), 1u);
}

TEST_F(PackerStage, LingerIsKnownWhileItLasts) {
  world.add_job(3);
  const auto began = world.clock.now();
  world.start(packer.run());
  EXPECT_FALSE(packer.facts().gate);
  EXPECT_EQ(packer.facts().send_at, began + 1min);
}

TEST_F(PackerStage, AReachedCapSaysUntilWhenAndIsToldOnce) {
  const auto job = world.add_job(1, "dear");
  const auto sent = world.submit();
  ResultRow row;
  row.request = {job, 0, 1};
  row.cost = 2'000'000'000;
  world.queue.record_results(sent.id, world.queue.begin_download(sent.id), {row}, world.clock.now());
  world.config.money.daily_cap_usd = 1;
  world.add_job(3);
  const auto began = world.clock.now();
  world.start(packer.run());
  world.clock.advance(50min);
  ASSERT_TRUE(packer.facts().gate);
  EXPECT_EQ(packer.facts().gate->kind, GateKind::daily_cap);
  EXPECT_EQ(packer.facts().gate_since, began);
  const auto midnight = std::chrono::floor<std::chrono::days>(began) + std::chrono::days(1);
  EXPECT_EQ(packer.facts().gate->until, Instant(midnight));
  EXPECT_EQ(world.log.count("warning cap.reached"), 1u);
  EXPECT_FALSE(world.log.has("info cap.over"));
  world.clock.advance(24h);
  EXPECT_EQ(requests_on_their_way(), 3u);
  EXPECT_EQ(world.log.count("info cap.over"), 1u);
}

}  // namespace
}  // namespace offpeak
