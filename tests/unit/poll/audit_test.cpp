#include "poll/audit.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

ProviderBatch listed(const std::string& id, std::int64_t requests, std::int64_t created_at) {
  ProviderBatch batch;
  batch.id = id;
  batch.counts.processing = requests;
  batch.created_at = from_millis(created_at);
  return batch;
}

Intent intent(std::int64_t id, std::uint32_t requests, std::int64_t watermark_at = 1000) {
  Intent intent;
  intent.id = IntentId{id};
  intent.requests = requests;
  intent.watermark_at = from_millis(watermark_at);
  return intent;
}

AuditView view_of(std::vector<Intent> audited) {
  AuditView view;
  view.audited = std::move(audited);
  return view;
}

TEST(Audit, AnUnknownBatchOfAnAuditedIntentsSizeIsItsLateTwin) {
  const auto twins = late_twins({listed("late", 5, 2000)}, view_of({intent(1, 5)}));
  ASSERT_EQ(twins.size(), 1u);
  EXPECT_EQ(twins[0].intent, IntentId{1});
  EXPECT_EQ(twins[0].batch.id, "late");
}

TEST(Audit, OtherSizesOlderBatchesAndKnownOnesAreNone) {
  auto view = view_of({intent(1, 5)});
  view.known = {"ours"};
  EXPECT_TRUE(late_twins({listed("other", 6, 2000), listed("older", 5, 900), listed("ours", 5, 2000)}, view).empty());
}

TEST(Audit, WhatMayBeAnUnsettledIntentIsNeverTakenForATwin) {
  auto view = view_of({intent(1, 5)});
  view.unsettled = {intent(2, 5, 1500)};
  EXPECT_TRUE(late_twins({listed("whose", 5, 2000)}, view).empty());
  EXPECT_EQ(late_twins({listed("late", 5, 1200)}, view).size(), 1u) << "older than the unsettled one's watermark";
}

TEST(Audit, ADisprovedBatchIsNotTakenTwice) {
  auto view = view_of({intent(1, 5), intent(2, 5)});
  view.excluded[IntentId{1}] = {"foreign"};
  const auto twins = late_twins({listed("foreign", 5, 2000)}, view);
  ASSERT_EQ(twins.size(), 1u);
  EXPECT_EQ(twins[0].intent, IntentId{2});
}

TEST(Audit, WhatWasDisprovedDoesNotHideTheNextOne) {
  auto view = view_of({intent(1, 5)});
  view.excluded[IntentId{1}] = {"foreign"};
  const auto twins = late_twins({listed("foreign", 5, 2000), listed("late", 5, 2001)}, view);
  ASSERT_EQ(twins.size(), 1u);
  EXPECT_EQ(twins[0].batch.id, "late");
}

TEST(Audit, AnIntentHasOneTwinAtMost) {
  EXPECT_EQ(late_twins({listed("a", 5, 2000), listed("b", 5, 2001)}, view_of({intent(1, 5)})).size(), 1u);
}

}  // namespace
}  // namespace offpeak
