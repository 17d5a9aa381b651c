#include "submit/consequence.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

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

TEST(Consequence, NoRetryAfterBindsLongerThanTheLongestBackoff) {
  for (const auto kind : {CreateVerdictKind::throttled, CreateVerdictKind::unknown}) {
    auto throttled = verdict(kind);
    throttled.retry_after = std::chrono::hours(24 * 23);
    const auto followed = consequence_of(throttled, situation(), retry);
    EXPECT_EQ(followed.delay->not_before, from_millis(1'000'000) + retry.max_backoff);
  }
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

CreateVerdict nobody_named(const std::string& words = "HTTP 400 invalid_request_error: unexpected value") {
  auto refused = verdict(CreateVerdictKind::batch_at_fault);
  refused.message = words;
  return refused;
}

TEST(Consequence, ABatchThatIsRefusedIsHalvedAndItsHeadersAreRemembered) {
  const auto followed = consequence_of(nobody_named(), situation(64), retry);
  EXPECT_EQ(followed.refusal.kind, RefusalKind::halve);
  EXPECT_FALSE(followed.account);
  EXPECT_FALSE(followed.refusal.alone_is_errored);
  ASSERT_TRUE(followed.refusal.header_refusals);
  EXPECT_EQ(followed.refusal.header_refusals->halvings, 1u);
  EXPECT_EQ(followed.refusal.header_refusals->alone, 0u);
  EXPECT_EQ(followed.refusal.hold_reason, "");
}

TEST(Consequence, OneAloneIsErroredOnceAnotherWithItsHeadersWasAcceptedSinceItWasRefused) {
  auto at = situation(1);
  at.refused_before = from_millis(500'000);
  for (const auto accepted_at : {std::optional<Instant>(), std::optional(from_millis(400'000))}) {
    at.refusals.accepted_at = accepted_at;
    const auto not_yet = consequence_of(nobody_named(), at, retry);
    EXPECT_EQ(not_yet.refusal.kind, RefusalKind::aside);
    EXPECT_FALSE(not_yet.refusal.alone_is_errored);
    EXPECT_FALSE(not_yet.account);
  }
  at.refusals.accepted_at = from_millis(600'000);
  const auto since = consequence_of(nobody_named(), at, retry);
  EXPECT_EQ(since.refusal.kind, RefusalKind::halve);
  EXPECT_TRUE(since.refusal.alone_is_errored);
  EXPECT_FALSE(since.refusal.header_refusals);
}

TEST(Consequence, ARequestThatCameAloneIsTriedAFewTimesBeforeItsJobIsHeld) {
  auto at = situation(1);
  for (int tries = 1; tries <= 3; ++tries) {
    const auto followed = consequence_of(nobody_named(), at, retry);
    EXPECT_EQ(followed.refusal.kind, RefusalKind::aside);
    EXPECT_GT(followed.refusal.not_before, at.now);
    EXPECT_LE(followed.refusal.not_before, at.now + retry.max_backoff);
    EXPECT_EQ(followed.refusal.hold_reason.empty(), tries < 3) << tries;
    at.refusals = *followed.refusal.header_refusals;
    at.refused_before = from_millis(1'000'000);
  }
}

// Everything is refused in the same words: the creates until the jobs are held, for a batch of so many.
int creates_until_held(std::uint32_t requests, std::function<std::string(int)> words) {
  auto at = situation(requests);
  std::vector<std::uint32_t> beside;  // what was not asked yet on the way down, the smallest last
  for (int creates = 1; creates < 200; ++creates) {
    at.others_wait = !beside.empty() || at.requests > 1;
    const auto followed = consequence_of(nobody_named(words(creates)), at, retry);
    EXPECT_EQ(followed.end, IntentEnd::refused);
    if (!followed.refusal.hold_reason.empty()) return creates;
    at.refusals = *followed.refusal.header_refusals;
    if (followed.refusal.kind == RefusalKind::halve) {
      beside.push_back(at.requests - at.requests / 2);
      at.requests /= 2;
      continue;
    }
    if (beside.empty()) continue;  // what was set aside is asked again
    at.requests = beside.back();
    beside.pop_back();
    at.others_wait = !beside.empty();
  }
  return 200;
}

TEST(Consequence, WordsAboutTheWholeCallHoldTheJobsAfterFewCreates) {
  for (const std::uint32_t requests : {2u, 3u, 5u, 10u, 64u, 500u, 100'000u}) {
    const int levels = static_cast<int>(std::ceil(std::log2(requests)));
    EXPECT_LE(creates_until_held(requests, [](int) { return "HTTP 400 x: no such beta"; }), 2 * levels + 10)
        << requests;
    EXPECT_LE(creates_until_held(requests, [](int n) { return "HTTP 400 x: no (call " + std::to_string(n * 7) + ")"; }),
              2 * levels + 10)
        << "a number in the words changes";
  }
}

TEST(Consequence, TheHeldJobsGetTheProvidersWords) {
  auto at = situation(1);
  at.refusals = {"HTTP # invalid_request_error: unexpected value", 6, 6, std::nullopt};
  const auto followed = consequence_of(nobody_named(), at, retry);
  EXPECT_NE(followed.refusal.hold_reason.find("HTTP 400 invalid_request_error: unexpected value"), std::string::npos);
  EXPECT_NE(followed.refusal.hold_reason.find("13 creates"), std::string::npos);
  EXPECT_EQ(followed.reason, followed.refusal.hold_reason);
}

TEST(Consequence, AfterOneAloneABatchInTheSameWordsIsNotHalvedButSetAside) {
  auto at = situation(32);
  at.others_wait = true;
  at.refusals = {"HTTP # invalid_request_error: unexpected value", 6, 1, std::nullopt};
  const auto followed = consequence_of(nobody_named(), at, retry);
  EXPECT_EQ(followed.refusal.kind, RefusalKind::aside);
  EXPECT_EQ(followed.refusal.not_before, at.now + retry.max_backoff);
  EXPECT_EQ(followed.refusal.hold_reason, "");
  EXPECT_EQ(consequence_of(nobody_named("HTTP 400 other: words"), at, retry).refusal.kind, RefusalKind::halve);
}

TEST(Consequence, WhereNothingIsLeftToAskTheJobsAreHeldAtOnce) {
  auto at = situation(1);
  at.refusals = {"HTTP # invalid_request_error: unexpected value", 6, 1, std::nullopt};
  EXPECT_NE(consequence_of(nobody_named(), at, retry).refusal.hold_reason, "");
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
