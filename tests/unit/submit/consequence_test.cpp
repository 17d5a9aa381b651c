#include "submit/consequence.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

SubmitSituation situation(std::uint32_t requests = 8) {
  SubmitSituation at;
  at.requests = requests;
  at.bytes = 1000;
  at.now = from_millis(1'000'000);
  return at;
}

CreateVerdict verdict(CreateVerdictKind kind) {
  CreateVerdict verdict;
  verdict.kind = kind;
  verdict.message = "said so";
  verdict.error_document = R"({"type":"error","error":{"type":"invalid_request_error","message":"no"}})";
  return verdict;
}

const RetryConfig retry;

TEST(Consequence, UnknownIsNeverRefused) {
  const auto followed = consequence_of(verdict(CreateVerdictKind::unknown), situation(), retry);
  EXPECT_EQ(followed.end, IntentEnd::unknown);
  EXPECT_TRUE(followed.delay);
}

TEST(Consequence, WhatWasNotSentGoesAgainAfterABackoff) {
  for (const auto kind : {CreateVerdictKind::not_sent, CreateVerdictKind::throttled}) {
    const auto followed = consequence_of(verdict(kind), situation(), retry);
    EXPECT_EQ(followed.end, IntentEnd::refused);
    EXPECT_EQ(followed.refusal.kind, RefusalKind::again);
    ASSERT_TRUE(followed.delay);
    EXPECT_GE(followed.delay->not_before, from_millis(1'000'000) + retry.backoff / 2);
  }
}

TEST(Consequence, RetryAfterBinds) {
  auto throttled = verdict(CreateVerdictKind::throttled);
  throttled.retry_after = std::chrono::minutes(20);
  const auto followed = consequence_of(throttled, situation(), retry);
  EXPECT_EQ(followed.delay->not_before, from_millis(1'000'000) + std::chrono::minutes(20));
}

TEST(Consequence, TooLargeHalvesAndRemembersTheSize) {
  const auto followed = consequence_of(verdict(CreateVerdictKind::too_large), situation(), retry);
  EXPECT_EQ(followed.refusal.kind, RefusalKind::halve);
  EXPECT_EQ(followed.refusal.learned_max_bytes, 500u);
  const auto alone = consequence_of(verdict(CreateVerdictKind::too_large), situation(1), retry);
  EXPECT_TRUE(alone.refusal.alone_is_errored);
  EXPECT_EQ(alone.refusal.learned_max_bytes, 0u);
}

TEST(Consequence, TheNamedRequestIsErroredWithTheProvidersError) {
  auto named = verdict(CreateVerdictKind::request_at_fault);
  named.request_index = 3;
  const auto followed = consequence_of(named, situation(), retry);
  EXPECT_EQ(followed.refusal.kind, RefusalKind::name_request);
  EXPECT_EQ(followed.refusal.place, 3u);
  EXPECT_EQ(followed.refusal.result, R"({"type":"errored","error":)" + named.error_document + "}");
}

TEST(Consequence, ANameOutsideTheBatchNamesNobody) {
  auto named = verdict(CreateVerdictKind::request_at_fault);
  named.request_index = 8;
  EXPECT_EQ(consequence_of(named, situation(), retry).refusal.kind, RefusalKind::halve);
}

TEST(Consequence, ALoneRefusedRequestIsAnAccountFaultUntilAnotherCreateWasAccepted) {
  auto at = situation(1);
  auto first = consequence_of(verdict(CreateVerdictKind::batch_at_fault), at, retry);
  EXPECT_TRUE(first.account);
  EXPECT_FALSE(first.refusal.alone_is_errored);
  at.refused_before = from_millis(500'000);
  at.last_created_at = from_millis(400'000);
  EXPECT_TRUE(consequence_of(verdict(CreateVerdictKind::batch_at_fault), at, retry).account);
  at.last_created_at = from_millis(600'000);
  const auto since = consequence_of(verdict(CreateVerdictKind::batch_at_fault), at, retry);
  EXPECT_FALSE(since.account);
  EXPECT_TRUE(since.refusal.alone_is_errored);
}

TEST(Consequence, ALoneRefusedRequestIsNotErroredWhereNothingWasEverAccepted) {
  auto at = situation(1);
  at.refused_before = from_millis(500'000);
  EXPECT_TRUE(consequence_of(verdict(CreateVerdictKind::batch_at_fault), at, retry).account);
}

TEST(Consequence, AFaultOfARequestWithoutAPlaceNamesNobody) {
  EXPECT_EQ(consequence_of(verdict(CreateVerdictKind::request_at_fault), situation(), retry).refusal.kind,
            RefusalKind::halve);
}

TEST(Consequence, AnAccountFaultPausesEverSlowerAndFailsNobody) {
  auto at = situation();
  Instant previous{};
  for (int tries = 0; tries < 12; ++tries) {
    at.account_tries = tries;
    const auto followed = consequence_of(verdict(CreateVerdictKind::account_fault), at, retry);
    EXPECT_EQ(followed.refusal.kind, RefusalKind::again);
    ASSERT_TRUE(followed.account);
    EXPECT_GE(followed.account->next_try_at, previous);
    EXPECT_LE(followed.account->next_try_at, at.now + retry.max_backoff);
    previous = followed.account->next_try_at;
  }
}

TEST(Consequence, AResultIsMadeWhereTheProviderGaveNoDocument) {
  auto bare = verdict(CreateVerdictKind::too_large);
  bare.error_document.clear();
  EXPECT_EQ(errored_result(bare),
            R"({"type":"errored","error":{"type":"error","error":{"type":"offpeak_refused","message":"said so"},)"
            R"("request_id":null}})");
}

}  // namespace
}  // namespace offpeak
