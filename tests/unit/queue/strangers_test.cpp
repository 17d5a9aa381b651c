// Whose batches these are: the one pure function that polling, settling, the late audit and the guard use.
#include "queue/strangers.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

using namespace std::chrono_literals;

const Instant start = from_millis(1'800'000'000'000);

ProviderBatch batch(const std::string& id, std::int64_t requests, Duration after_start = 0s) {
  ProviderBatch made;
  made.id = id;
  made.counts.processing = requests;
  made.created_at = start + after_start;
  made.expires_at = made.created_at + 24h;
  return made;
}

MayExplain intent(std::int64_t id, IntentState state, std::uint32_t requests) {
  MayExplain one;
  one.intent.id = IntentId{id};
  one.intent.state = state;
  one.intent.requests = requests;
  one.intent.watermark = "msgbatch_w";
  one.intent.watermark_at = start;
  one.intent.committed_at = start + 10s;
  one.intent.settled_at = state == IntentState::created ? start + 12s : start + 9min;
  if (state == IntentState::created) one.own_created_at = start + 11s;
  one.own_proven = true;
  return one;
}

ListKnowledge knowing(std::vector<MayExplain> intents) {
  ListKnowledge known;
  known.known_from = start - 1h;
  known.intents = std::move(intents);
  return known;
}

// Our clock and the provider's say the same, ten minutes later.
const ListMoment moment{start + 10min, start + 10min, true};

Stranger only(const std::vector<Stranger>& found) {
  EXPECT_EQ(found.size(), 1u);
  return found.empty() ? Stranger() : found.front();
}

TEST(Strangers, OursToldAndOldOnesAreNone) {
  auto known = knowing({});
  known.ours = {"ours"};
  known.told = {{"told", "seen"}};
  EXPECT_TRUE(strangers_of({batch("ours", 5), batch("told", 5), batch("old", 5, -2h), batch("at_the_edge", 5, -1h)},
                           known, moment)
                  .empty());
}

TEST(Strangers, WhatNothingExplainsIsOne) {
  EXPECT_EQ(only(strangers_of({batch("whose", 7, 1min)}, knowing({intent(1, IntentState::not_created, 5)}), moment)).is,
            StrangerIs::stranger);
}

TEST(Strangers, OneIntentExplainsOneBatch) {
  const auto found = strangers_of({batch("second", 5, 2min), batch("first", 5, 1min)},
                                  knowing({intent(1, IntentState::unknown, 5)}), moment);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].batch.id, "first");
  EXPECT_EQ(found[0].is, StrangerIs::unsettled);
  EXPECT_EQ(found[1].batch.id, "second");
  EXPECT_EQ(found[1].is, StrangerIs::stranger);
  EXPECT_EQ(found[1].intent, IntentId{1}) << "which it may be of all the same";
}

TEST(Strangers, TwoIntentsExplainTwo) {
  const auto found =
      strangers_of({batch("a", 5, 1min), batch("b", 5, 2min)},
                   knowing({intent(1, IntentState::unknown, 5), intent(2, IntentState::unknown, 5)}), moment);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].is, StrangerIs::unsettled);
  EXPECT_EQ(found[1].intent, IntentId{2});
}

TEST(Strangers, WhatResultsDisprovedIsNotExplainedByIt) {
  auto one = intent(1, IntentState::unknown, 5);
  one.excluded = {"disproved"};
  EXPECT_EQ(only(strangers_of({batch("disproved", 5, 1min)}, knowing({one}), moment)).is, StrangerIs::stranger);
}

TEST(Strangers, CountsThatAreNotToldYetAreNotConcludedFrom) {
  for (const auto state : {IntentState::unknown, IntentState::not_created, IntentState::created}) {
    EXPECT_EQ(only(strangers_of({batch("untold", 0, 12s)}, knowing({intent(1, state, 5)}), moment)).is,
              StrangerIs::unsettled)
        << to_text(state);
  }
}

TEST(Strangers, ALateTwinOfOurCountMadeWhenOurBytesCameMayBeCanceled) {
  const auto twin =
      only(strangers_of({batch("twin", 5, 12s)}, knowing({intent(1, IntentState::not_created, 5)}), moment));
  EXPECT_EQ(twin.is, StrangerIs::late_twin);
  EXPECT_TRUE(twin.may_cancel);
}

// faults.md 72: never by its count alone.
TEST(Strangers, ATwinIsNotCanceledWhere) {
  const auto seen = [&](Duration made, ListMoment at, std::optional<Instant> stranger_seen_at,
                        std::vector<ProviderBatch> beside = {}) {
    auto known = knowing({intent(1, IntentState::not_created, 5)});
    known.stranger_seen_at = stranger_seen_at;
    beside.push_back(batch("twin", 5, made));
    for (const auto& one : strangers_of(beside, known, at)) {
      if (one.batch.id == "twin") return one.may_cancel;
    }
    ADD_FAILURE();
    return true;
  };
  EXPECT_TRUE(seen(12s, moment, std::nullopt));
  EXPECT_FALSE(seen(6min, moment, std::nullopt)) << "made hours or minutes after our bytes";
  EXPECT_FALSE(seen(1s, moment, std::nullopt)) << "made before our last byte left";
  auto early = knowing({intent(1, IntentState::not_created, 5)});
  early.intents[0].intent.settled_at = start + 11s;
  EXPECT_FALSE(only(strangers_of({batch("twin", 5, 12s)}, early, moment)).may_cancel) << "made after the verdict";
  EXPECT_FALSE(seen(12s, {moment.now, moment.date, false}, std::nullopt)) << "others make batches here";
  EXPECT_FALSE(seen(12s, {moment.now, std::nullopt, true}, std::nullopt))
      << "nothing says what the provider's clock shows";
  EXPECT_FALSE(seen(12s, moment, moment.now - std::chrono::days(29))) << "somebody was here";
  EXPECT_TRUE(seen(12s, moment, moment.now - std::chrono::days(30)));
  EXPECT_FALSE(seen(12s, moment, std::nullopt, {batch("whose", 9, 3min)})) << "somebody is here";
  EXPECT_FALSE(seen(12s, moment, std::nullopt, {batch("whose", 5, 3min)})) << "one intent has one twin at most";
}

// What was taken for ours before may prove to be somebody else's: then we are not alone.
TEST(Strangers, OneIsCanceledOnlyWhenWhatWasCanceledBeforeHasShownWhoseItIs) {
  auto known = knowing({intent(1, IntentState::not_created, 5)});
  known.undecided = true;
  EXPECT_FALSE(only(strangers_of({batch("twin", 5, 12s)}, known, moment)).may_cancel);
}

// faults.md 18, 67. A state that was put back may have forgotten its batch.
TEST(Strangers, WhereWorkMayBeForgottenACountAloneExplainsNothing) {
  const auto is = [](IntentState state, Duration made, bool proven = true) {
    auto one = intent(1, state, 5);
    one.own_proven = proven;
    auto known = knowing({one});
    known.may_have_forgotten = true;
    return only(strangers_of({batch("b", 5, made)}, known, moment)).is;
  };
  EXPECT_EQ(is(IntentState::created, 13s, false), StrangerIs::stranger) << "it has its batch";
  EXPECT_EQ(is(IntentState::created, 13s), StrangerIs::stranger) << "the copy may be of what was forgotten";
  EXPECT_EQ(is(IntentState::unknown, 13s), StrangerIs::unsettled);
  EXPECT_EQ(is(IntentState::unknown, 6min), StrangerIs::stranger) << "its bytes arrived minutes before";
  EXPECT_EQ(is(IntentState::not_created, 13s), StrangerIs::late_twin);
  EXPECT_EQ(is(IntentState::not_created, 6min), StrangerIs::stranger);
}

TEST(Strangers, NeitherClockNeedsToBeRight) {
  // Ours is three hours behind the provider's.
  auto one = intent(1, IntentState::not_created, 5);
  one.intent.committed_at = start + 10s - 3h;
  one.intent.settled_at = start + 9min - 3h;
  const ListMoment slow{start + 10min - 3h, start + 10min, true};
  EXPECT_TRUE(only(strangers_of({batch("twin", 5, 12s)}, knowing({one}), slow)).may_cancel);
  EXPECT_FALSE(only(strangers_of({batch("twin", 5, 12s)}, knowing({one}), moment)).may_cancel);
}

// The copy may be the only batch of the one whose answer was lost.
TEST(Strangers, WhatAnUnsettledIntentMayHaveMadeIsNotCanceled) {
  const auto known = knowing({intent(1, IntentState::created, 5), intent(2, IntentState::unknown, 5)});
  const auto found = strangers_of({batch("a", 5, 13s), batch("b", 5, 14s)}, known, moment);
  ASSERT_EQ(found.size(), 2u);
  for (const auto& one : found) EXPECT_FALSE(one.may_cancel) << one.batch.id;
}

// faults.md 74
TEST(Strangers, ASecondCopyOfACreateThatHasItsBatchIsOne) {
  const auto copy = only(strangers_of({batch("copy", 5, 13s)}, knowing({intent(1, IntentState::created, 5)}), moment));
  EXPECT_EQ(copy.is, StrangerIs::second_copy);
  EXPECT_EQ(copy.intent, IntentId{1});
  EXPECT_FALSE(copy.may_cancel) << "it may be another offpeak's, which sends batches of one size at one time";
  EXPECT_EQ(only(strangers_of({batch("later", 5, 6min)}, knowing({intent(1, IntentState::created, 5)}), moment)).is,
            StrangerIs::stranger)
      << "minutes after the create";
  EXPECT_EQ(only(strangers_of({batch("other", 6, 13s)}, knowing({intent(1, IntentState::created, 5)}), moment)).is,
            StrangerIs::stranger);
}

// The one that it has was adopted by its count: this one may be its own.
TEST(Strangers, WhereTheOwnBatchIsNotProvenAnotherOneMayBeIt) {
  auto one = intent(1, IntentState::created, 5);
  one.own_proven = false;
  const auto found = only(strangers_of({batch("b", 5, 13s)}, knowing({one}), moment));
  EXPECT_EQ(found.is, StrangerIs::unsettled);
  EXPECT_FALSE(found.may_cancel);
}

TEST(Strangers, AnUnsettledIntentsOwnBatchComesBeforeACopyOfAnothers) {
  const auto found = strangers_of(
      {batch("b", 5, 13s)}, knowing({intent(1, IntentState::created, 5), intent(2, IntentState::unknown, 5)}), moment);
  EXPECT_EQ(only(found).is, StrangerIs::unsettled);
  EXPECT_EQ(only(found).intent, IntentId{2});
}

TEST(Strangers, OneWithoutADateIsLookedAtAndNeverCanceled) {
  auto odd = batch("odd", 5);
  odd.created_at_known = false;
  const auto found = only(strangers_of({odd}, knowing({intent(1, IntentState::not_created, 5)}), moment));
  EXPECT_EQ(found.is, StrangerIs::late_twin);
  EXPECT_FALSE(found.may_cancel);
}

}  // namespace
}  // namespace offpeak
