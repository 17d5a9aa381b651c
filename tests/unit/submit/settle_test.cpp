#include "submit/settle.hpp"

#include <gtest/gtest.h>

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

WholeList list_of(std::vector<ProviderBatch> newest_first) {
  WholeList list;
  list.newest_first = std::move(newest_first);
  return list;
}

Candidates equal(std::vector<ProviderBatch> batches) { return {std::move(batches), {}, {}}; }

enum class Workspace { exclusive, shared };
Candidates find(std::vector<ProviderBatch> newest_first, const Intent& intent, const std::set<std::string>& known,
                Workspace workspace = Workspace::shared, const std::set<std::string>& open = {},
                const std::set<std::string>& anothers = {}) {
  return candidates(list_of(std::move(newest_first)), intent, {known, open, anothers},
                    workspace == Workspace::exclusive);
}

// It holds submitting, since it may be of work that was forgotten: its count makes it nobody's.
TEST(Candidates, WhatNothingExplainsIsNotAdoptedByItsCount) {
  const auto lost = unknown_intent();
  const auto alone = find({batch("msgbatch_5", 10, 5000)}, lost, {}, Workspace::exclusive, {"msgbatch_5"});
  EXPECT_TRUE(alone.equal.empty());
  EXPECT_EQ(alone.possible.size(), 1u);
  const auto beside = find({batch("msgbatch_5", 10, 5000), batch("msgbatch_4", 10, 4000)}, lost, {},
                           Workspace::exclusive, {"msgbatch_5"});
  EXPECT_EQ(beside.equal.size(), 2u) << "the first that ends shows its nonce";
}

TEST(Candidates, AreNewerThanTheWatermarkUnknownAndOfOurSize) {
  const auto found = find({batch("msgbatch_5", 10, 5000), batch("msgbatch_4", 11, 4000), batch("msgbatch_3", 10, 3000)},
                          unknown_intent(), {"msgbatch_5"});
  ASSERT_EQ(found.equal.size(), 1u);
  EXPECT_EQ(found.equal[0].id, "msgbatch_3");
  EXPECT_TRUE(found.possible.empty());
}

TEST(Candidates, OneMadeInTheWatermarksOwnMomentMayBeIt) {
  EXPECT_EQ(find({batch("msgbatch_3", 10, 1000)}, unknown_intent(), {}).equal.size(), 1u);
  EXPECT_TRUE(find({batch("msgbatch_w", 10, 1000)}, unknown_intent(), {}).equal.empty());
}

TEST(Candidates, WithoutAWatermarkEveryBatchCounts) {
  auto intent = unknown_intent();
  intent.watermark.reset();
  intent.watermark_at.reset();
  EXPECT_EQ(find({batch("msgbatch_1", 10, 1)}, intent, {}).equal.size(), 1u);
}

// Counts of zero, one short, or none: where nobody else makes batches, a new one can only be ours.
TEST(Candidates, InAnExclusiveWorkspaceABatchOfAnyCountMayBeIt) {
  auto without = batch("msgbatch_4", 0, 4000);
  without.counts_known = false;
  for (const auto& odd :
       {batch("msgbatch_1", 0, 4000), batch("msgbatch_2", 9, 4000), batch("msgbatch_3", 99, 4000), without}) {
    const auto found = find({odd}, unknown_intent(), {}, Workspace::exclusive);
    EXPECT_TRUE(found.equal.empty()) << odd.id;
    EXPECT_EQ(found.possible.size(), 1u) << odd.id;
    EXPECT_TRUE(find({odd}, unknown_intent(), {odd.id}, Workspace::exclusive).possible.empty())
        << "decided: " << odd.id;
  }
}

TEST(Candidates, InASharedWorkspaceOnlyCountsThatAreNotToldYetLeaveItOpen) {
  EXPECT_EQ(find({batch("msgbatch_1", 0, 4000)}, unknown_intent(), {}).possible.size(), 1u);
  EXPECT_TRUE(find({batch("msgbatch_2", 9, 4000)}, unknown_intent(), {}).possible.empty());
}

// A list told a wrong count, another create took the batch by it, and its results are not there yet.
TEST(Candidates, WhatAnotherIntentHasByItsCountAloneMayBeThisOnes) {
  const auto theirs = batch("msgbatch_1", 9, 4000);
  EXPECT_EQ(find({theirs}, unknown_intent(), {"msgbatch_1"}, Workspace::exclusive, {}, {"msgbatch_1"}).anothers.size(),
            1u);
  EXPECT_TRUE(find({theirs}, unknown_intent(), {"msgbatch_1"}, Workspace::shared, {}, {"msgbatch_1"}).anothers.empty());
  const auto alike = find({batch("msgbatch_1", 10, 4000)}, unknown_intent(), {}, Workspace::shared, {}, {"msgbatch_1"});
  EXPECT_EQ(alike.anothers.size(), 1u);
  EXPECT_TRUE(alike.equal.empty()) << "one batch is not adopted twice";
}

TEST(Settle, NoVerdictWhileAnotherIntentHasItByItsCountAlone) {
  Observation seen;
  const Candidates found{{}, {}, {batch("msgbatch_1", 9, 2000, ProcessingStatus::ended)}};
  for (int i = 0; i < 60; ++i) {
    const auto decision = decide(found, seen, at(std::chrono::minutes(i)), settle_time);
    EXPECT_EQ(decision.step, SettleStep::look_again);
    EXPECT_NE(decision.reason.find("msgbatch_1"), std::string::npos);
  }
  EXPECT_EQ(decide({}, seen, at(std::chrono::hours(1)), settle_time).step, SettleStep::look_again) << "begins anew";
}

// The provider was away, or the key was another one: nobody has looked in the time between.
TEST(Settle, AGapCountsForLittle) {
  Observation seen;
  decide({}, seen, at(Duration(0)), settle_time);
  const auto after = std::chrono::hours(21);
  const auto left = settle_time - most_watched(settle_time);
  for (Duration passed{0}; passed < left; passed += std::chrono::minutes(1)) {
    EXPECT_EQ(decide({}, seen, at(after + passed), settle_time).step, SettleStep::look_again) << passed.count();
  }
  EXPECT_EQ(decide({}, seen, at(after + left), settle_time).step, SettleStep::not_created);
}

// As long as it is looked for now and then, it is decided.
TEST(Settle, WhatIsWatchedInPartsIsDecided) {
  Observation seen;
  auto step = SettleStep::look_again;
  int parts = 0;
  for (; parts < 20 && step == SettleStep::look_again; ++parts) {
    for (int i = 0; i < 5 && step == SettleStep::look_again; ++i) {
      step = decide({}, seen, at(std::chrono::hours(6 * parts) + std::chrono::minutes(i)), settle_time).step;
    }
  }
  EXPECT_EQ(step, SettleStep::not_created);
  EXPECT_EQ(parts, 3);
}

TEST(Settle, OneCandidateIsAdopted) {
  Observation seen;
  EXPECT_EQ(decide(equal({batch("msgbatch_1", 10, 2000)}), seen, at(Duration(0)), settle_time).step, SettleStep::adopt);
}

TEST(Settle, NoVerdictWhileABatchMayBeItThatItsCountsDoNotShow) {
  Observation seen;
  const Candidates odd{{}, {batch("msgbatch_1", 0, 2000)}, {}};
  for (int i = 0; i < 60; ++i) {
    const auto decision = decide(odd, seen, at(std::chrono::minutes(i)), settle_time);
    EXPECT_EQ(decision.step, SettleStep::look_again);
    EXPECT_NE(decision.reason.find("msgbatch_1"), std::string::npos);
  }
  const Candidates over{{}, {batch("msgbatch_1", 9, 2000, ProcessingStatus::ended)}, {}};
  EXPECT_EQ(decide(over, seen, at(std::chrono::hours(2)), settle_time).step, SettleStep::peek);
  EXPECT_EQ(decide({}, seen, at(std::chrono::hours(3)), settle_time).step, SettleStep::look_again) << "begins anew";
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
  decide(equal({batch("a", 10, 1), batch("b", 10, 2)}), seen, at(std::chrono::minutes(14)), settle_time);
  EXPECT_EQ(decide({}, seen, at(std::chrono::minutes(16)), settle_time).step, SettleStep::look_again);
}

TEST(Settle, SeveralCandidatesWaitForOneThatShowsItsNonce) {
  Observation seen;
  auto decision = decide(equal({batch("a", 10, 1), batch("b", 10, 2)}), seen, at(Duration(0)), settle_time);
  EXPECT_EQ(decision.step, SettleStep::look_again);
  decision = decide(equal({batch("a", 10, 1), batch("b", 10, 2, ProcessingStatus::ended)}), seen, at(Duration(1)),
                    settle_time);
  EXPECT_EQ(decision.step, SettleStep::peek);
  ASSERT_EQ(decision.batches.size(), 1u);
  EXPECT_EQ(decision.batches[0].id, "b");
}

TEST(Settle, FiveLooksFitIntoAnySettleTime) {
  for (const auto whole : {Duration(50), Duration(2000), Duration(900'000), Duration(3'600'000)}) {
    EXPECT_LE(look_interval(whole) * clean_lists_min, whole) << whole.count();
  }
}

}  // namespace
}  // namespace offpeak
