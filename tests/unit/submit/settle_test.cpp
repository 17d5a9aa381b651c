#include "submit/settle.hpp"

#include <gtest/gtest.h>

#include "submit/guard.hpp"

namespace offpeak {
namespace {

constexpr Duration settle_time = std::chrono::minutes(15);

ProviderBatch batch(const std::string& id, std::int64_t requests, std::int64_t created_at,
                    ProcessingStatus status = ProcessingStatus::in_progress) {
  ProviderBatch batch;
  batch.id = id;
  batch.counts.processing = requests;
  batch.created_at = from_millis(created_at);
  batch.status = status;
  return batch;
}

Intent unknown_intent(std::uint32_t requests = 10) {
  Intent intent;
  intent.id = IntentId{1};
  intent.requests = requests;
  intent.watermark = "msgbatch_w";
  intent.watermark_at = from_millis(1000);
  return intent;
}

SteadyTime at(Duration since_start) { return SteadyTime(std::chrono::hours(1)) + since_start; }

TEST(Candidates, AreNewerThanTheWatermarkUnknownAndOfOurSize) {
  const std::vector<ProviderBatch> newest_first{batch("msgbatch_5", 10, 5000), batch("msgbatch_4", 11, 4000),
                                                batch("msgbatch_3", 10, 3000), batch("msgbatch_w", 10, 1000),
                                                batch("msgbatch_0", 10, 900)};
  const auto found = candidates(newest_first, unknown_intent(), {"msgbatch_5"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, "msgbatch_3");
}

TEST(Candidates, ADeletedWatermarkEndsTheWalkByItsTime) {
  const std::vector<ProviderBatch> newest_first{batch("msgbatch_3", 10, 3000), batch("msgbatch_0", 10, 900)};
  EXPECT_EQ(candidates(newest_first, unknown_intent(), {}).size(), 1u);
}

TEST(Candidates, WithoutAWatermarkEveryBatchCounts) {
  auto intent = unknown_intent();
  intent.watermark.reset();
  intent.watermark_at.reset();
  EXPECT_EQ(candidates({batch("msgbatch_1", 10, 1)}, intent, {}).size(), 1u);
}

TEST(Settle, OneCandidateIsAdopted) {
  Observation seen;
  const auto decision = decide({batch("msgbatch_1", 10, 2000)}, seen, at(Duration(0)), settle_time);
  EXPECT_EQ(decision.step, SettleStep::adopt);
}

TEST(Settle, AbsenceCountsOnlyAfterTheWholeTimeAndFiveSpreadLists) {
  Observation seen;
  for (Duration passed{0}; passed < settle_time; passed += std::chrono::minutes(1)) {
    EXPECT_EQ(decide({}, seen, at(passed), settle_time).step, SettleStep::look_again) << passed.count();
  }
  EXPECT_EQ(decide({}, seen, at(settle_time), settle_time).step, SettleStep::not_created);
}

TEST(Settle, ListsInOneMomentAreOneWitness) {
  Observation seen;
  for (int i = 0; i < 100; ++i) decide({}, seen, at(Duration(i)), settle_time);
  EXPECT_EQ(decide({}, seen, at(settle_time), settle_time).step, SettleStep::look_again) << "two spread lists only";
}

TEST(Settle, ACandidateInBetweenBeginsAnew) {
  Observation seen;
  for (int i = 0; i < 14; ++i) decide({}, seen, at(std::chrono::minutes(i)), settle_time);
  decide({batch("a", 10, 1), batch("b", 10, 2)}, seen, at(std::chrono::minutes(14)), settle_time);
  EXPECT_EQ(decide({}, seen, at(std::chrono::minutes(16)), settle_time).step, SettleStep::look_again);
}

TEST(Settle, SeveralCandidatesWaitForOneThatShowsItsNonce) {
  Observation seen;
  auto decision = decide({batch("a", 10, 1), batch("b", 10, 2)}, seen, at(Duration(0)), settle_time);
  EXPECT_EQ(decision.step, SettleStep::look_again);
  decision =
      decide({batch("a", 10, 1), batch("b", 10, 2, ProcessingStatus::ended)}, seen, at(Duration(1)), settle_time);
  EXPECT_EQ(decision.step, SettleStep::peek);
  ASSERT_EQ(decision.batches.size(), 1u);
  EXPECT_EQ(decision.batches[0].id, "b");
}

TEST(Settle, FiveLooksFitIntoAnySettleTime) {
  for (const auto whole : {Duration(50), Duration(2000), Duration(900'000), Duration(3'600'000)}) {
    EXPECT_LE(look_interval(whole) * clean_lists_min, whole) << whole.count();
  }
}

TEST(Guard, KnownAndExplainedBatchesHoldNothing) {
  const std::vector<ProviderBatch> newer{batch("known", 5, 1), batch("ours", 10, 2), batch("orphan", 7, 3)};
  const auto found = unexplained_of(newer, {"known"}, {unknown_intent(10)}, true);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].provider_id, "orphan");
  EXPECT_EQ(found[0].state, "open");
}

TEST(Guard, InASharedWorkspaceUnexplainedBatchesStopNothing) {
  const auto found = unexplained_of({batch("orphan", 7, 3)}, {}, {}, false);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].state, "dismissed");
}

}  // namespace
}  // namespace offpeak
