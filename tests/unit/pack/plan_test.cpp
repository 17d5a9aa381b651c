#include "pack/plan.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/random.hpp"
#include "model/params.hpp"

namespace offpeak {
namespace {

class EqualSizes final : public Sizes {
 public:
  explicit EqualSizes(std::uint32_t bytes) : bytes_(bytes) {}
  std::uint32_t sent_params_bytes(JobId job, Seq seq) override {
    const auto found = special.find({job, seq});
    return found != special.end() ? found->second : bytes_;
  }
  std::map<std::pair<JobId, Seq>, std::uint32_t> special;

 private:
  std::uint32_t bytes_;
};

PendingRange run(std::int64_t job, Seq first, std::uint32_t count, std::int64_t since = 1000) {
  PendingRange pending;
  pending.range = {JobId{job}, first, count};
  pending.since = from_millis(since);
  return pending;
}

PackJob waiting(std::int64_t job, std::vector<PendingRange> pending, std::int64_t priority = 0) {
  PackJob waiting;
  waiting.job = JobId{job};
  waiting.priority = priority;
  waiting.headers = {"2023-06-01", {}};
  waiting.pending = std::move(pending);
  return waiting;
}

PackLimits limits(std::uint32_t requests, std::uint64_t bytes = 256'000'000) {
  PackLimits limits;
  limits.requests = requests;
  limits.bytes = bytes;
  return limits;
}

std::uint32_t of_job(const Plan& plan, std::int64_t job) {
  std::uint32_t count = 0;
  for (const auto& part : plan.parts) count += part.range.job == JobId{job} ? part.range.count : 0;
  return count;
}

// The body as submit makes it, byte for byte.
std::uint64_t body_bytes(const Plan& plan, Sizes& sizes) {
  const std::string nonce(24, 'a');
  std::string body(body_open);
  std::uint32_t place = 0;
  for (const auto& part : plan.parts) {
    for (std::uint32_t i = 0; i < part.range.count; ++i) {
      if (place != 0) body += ',';
      body += request_prefix(nonce, place++, 7);
      body += std::string(sizes.sent_params_bytes(part.range.job, part.range.first + i), 'x') + "}";
    }
  }
  return body.size() + body_close.size();
}

TEST(Packer, TakesNothingWhereNothingWaits) {
  EqualSizes sizes(100);
  EXPECT_TRUE(plan_batch({}, limits(10), sizes).empty());
  EXPECT_TRUE(plan_batch({waiting(1, {run(1, 0, 5)})}, limits(0), sizes).empty());
}

TEST(Packer, StopsAtTheRequestLimit) {
  EqualSizes sizes(100);
  const auto plan = plan_batch({waiting(1, {run(1, 0, 25)})}, limits(10), sizes);
  EXPECT_EQ(plan.requests, 10u);
  EXPECT_TRUE(plan.full);
  ASSERT_EQ(plan.parts.size(), 1u);
  EXPECT_EQ(plan.parts[0].range, (RequestRange{JobId{1}, 0, 10}));
}

TEST(Packer, StopsAtTheByteLimitAndCountsTheBodyExactly) {
  EqualSizes sizes(1000);
  const auto all = plan_batch({waiting(1, {run(1, 0, 120)})}, limits(1000), sizes);
  EXPECT_EQ(all.bytes, body_bytes(all, sizes));
  EXPECT_FALSE(all.full);
  const auto exact = plan_batch({waiting(1, {run(1, 0, 120)})}, limits(1000, all.bytes), sizes);
  EXPECT_EQ(exact.requests, 120u);
  const auto one_less = plan_batch({waiting(1, {run(1, 0, 120)})}, limits(1000, all.bytes - 1), sizes);
  EXPECT_EQ(one_less.requests, 119u);
  EXPECT_TRUE(one_less.full);
  EXPECT_EQ(one_less.bytes, body_bytes(one_less, sizes));
}

TEST(Packer, SendsARequestThatNeverFitsAlone) {
  EqualSizes sizes(100);
  sizes.special[{JobId{1}, 0}] = 5000;
  const auto plan = plan_batch({waiting(1, {run(1, 0, 3)})}, limits(10, 1000), sizes);
  EXPECT_EQ(plan.requests, 1u);
  EXPECT_TRUE(plan.full);
}

TEST(Packer, TakesHigherPriorityFirst) {
  EqualSizes sizes(100);
  const auto plan = plan_batch({waiting(1, {run(1, 0, 50)}), waiting(2, {run(2, 0, 6)}, 5)}, limits(10), sizes);
  EXPECT_EQ(of_job(plan, 2), 6u);
  EXPECT_EQ(of_job(plan, 1), 4u);
}

TEST(Packer, ASmallJobIsNotStuckBehindAHugeOne) {
  EqualSizes sizes(100);
  const auto plan = plan_batch({waiting(1, {run(1, 0, 5'000'000)}), waiting(2, {run(2, 0, 40)})}, limits(1000), sizes);
  EXPECT_EQ(of_job(plan, 2), 40u);
  EXPECT_EQ(of_job(plan, 1), 960u);
}

TEST(Packer, EqualJobsShareABatchEqually) {
  EqualSizes sizes(100);
  const auto plan = plan_batch(
      {waiting(1, {run(1, 0, 900)}), waiting(2, {run(2, 0, 900)}), waiting(3, {run(3, 0, 900)})}, limits(300), sizes);
  EXPECT_EQ(of_job(plan, 1), 100u);
  EXPECT_EQ(of_job(plan, 2), 100u);
  EXPECT_EQ(of_job(plan, 3), 100u);
}

TEST(Packer, DifferentHeadersNeverShareABatch) {
  EqualSizes sizes(100);
  auto other = waiting(2, {run(2, 0, 5, 500)});
  other.headers.betas = {"output-300k-2026-03-24"};
  const auto plan = plan_batch({waiting(1, {run(1, 0, 5)}), other}, limits(100), sizes);
  EXPECT_EQ(of_job(plan, 2), 5u) << "the one that waits longest";
  EXPECT_EQ(of_job(plan, 1), 0u);
  EXPECT_EQ(plan.headers.betas, other.headers.betas);
}

TEST(Packer, RefusedHalvesStayApartAndBounded) {
  EqualSizes sizes(100);
  auto suspect = run(1, 0, 8, 100);
  suspect.most_together = 4;
  const auto plan = plan_batch({waiting(1, {suspect, run(1, 8, 20)})}, limits(100), sizes);
  EXPECT_EQ(plan.requests, 4u);
  EXPECT_TRUE(plan.apart);
  PackLimits paused = limits(100);
  paused.prefer_never_refused = true;
  EXPECT_EQ(plan_batch({waiting(1, {suspect, run(1, 8, 20)})}, paused, sizes).requests, 20u);
}

PendingRange refused(std::int64_t job, Seq first, std::uint32_t count, std::uint32_t together, std::int64_t since) {
  auto suspect = run(job, first, count, since);
  suspect.most_together = together;
  suspect.refused_at = from_millis(1);
  return suspect;
}

TEST(Packer, OneBranchOfWhatWasRefusedIsFollowedToItsEnd) {
  EqualSizes sizes(100);
  // As halving leaves it: the smaller the part, the later it came back.
  const auto jobs = std::vector{waiting(
      1, {refused(1, 0, 2, 1, 400), refused(1, 2, 2, 2, 300), refused(1, 4, 4, 4, 200), refused(1, 8, 8, 8, 100)})};
  const auto plan = plan_batch(jobs, limits(100), sizes);
  EXPECT_EQ(plan.requests, 1u);
  EXPECT_EQ(plan.parts.front().range, (RequestRange{JobId{1}, 0, 1}));
  const auto next = plan_batch({waiting(1, {refused(1, 2, 2, 2, 300), refused(1, 4, 4, 4, 200)})}, limits(100), sizes);
  EXPECT_EQ(next.requests, 2u);
}

TEST(Packer, OthersGoBetweenTwoOfWhatWasRefusedWhateverTheirPriority) {
  EqualSizes sizes(100);
  auto good = waiting(2, {run(2, 0, 20, 5000)}, -1);
  good.headers.betas = {"files-api-2025-04-14"};
  const auto jobs = std::vector{waiting(1, {refused(1, 0, 64, 32, 100)}, 3), good};
  auto after_refusal = limits(100);
  after_refusal.prefer_never_refused = true;
  EXPECT_EQ(of_job(plan_batch(jobs, after_refusal, sizes), 2), 20u);
  EXPECT_EQ(of_job(plan_batch(jobs, limits(100), sizes), 1), 32u) << "then it is its turn again";
}

TEST(Packer, WhileItsHeadersMayBeAtFaultNothingNewIsTriedWithThem) {
  EqualSizes sizes(100);
  auto suspected = limits(1000);
  suspected.prefer_never_refused = true;
  const auto both = std::vector{waiting(1, {refused(1, 0, 64, 32, 100)}), waiting(2, {run(2, 0, 500)}, 9)};
  EXPECT_EQ(plan_batch(both, suspected, sizes).requests, 500u) << "one try tells whether it is the headers";
  suspected.refused_headers = {both.front().headers};
  EXPECT_EQ(of_job(plan_batch(both, suspected, sizes), 1), 32u);
  EXPECT_EQ(of_job(plan_batch({both.back()}, suspected, sizes), 2), 500u) << "nothing that was refused can tell";
}

TEST(Packer, CountsOfUnsettledIntentsAreNotUsedAgain) {
  EqualSizes sizes(100);
  auto taken = limits(10);
  taken.taken_counts = {10, 9, 7};
  const auto plan = plan_batch({waiting(1, {run(1, 0, 30)})}, taken, sizes);
  EXPECT_EQ(plan.requests, 8u);
  EXPECT_EQ(plan.bytes, body_bytes(plan, sizes));
  taken.taken_counts = {1};
  EXPECT_TRUE(plan_batch({waiting(1, {run(1, 0, 1)})}, taken, sizes).empty());
}

TEST(Packer, WhatCannotGoYetKeepsNobodyBehindItWaiting) {
  EqualSizes sizes(100);
  auto taken = limits(10);
  taken.taken_counts = {1};
  auto halved = run(1, 0, 1, 500);
  halved.most_together = 1;
  const auto plan = plan_batch({waiting(1, {halved}, 5), waiting(2, {run(2, 0, 3)})}, taken, sizes);
  EXPECT_EQ(plan.requests, 3u);
  EXPECT_EQ(of_job(plan, 2), 3u);
}

TEST(Packer, AnyMixKeepsTheLimitsAndTakesNothingTwice) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SeededRandom random(seed);
    EqualSizes sizes(static_cast<std::uint32_t>(50 + random.below(400)));
    std::vector<PackJob> jobs;
    std::uint64_t waiting_requests = 0;
    for (std::int64_t job = 1; job <= static_cast<std::int64_t>(1 + random.below(6)); ++job) {
      std::vector<PendingRange> runs;
      Seq next = 0;
      for (std::uint64_t i = 0; i <= random.below(4); ++i) {
        next += static_cast<Seq>(random.below(3));
        const auto count = static_cast<std::uint32_t>(1 + random.below(60));
        runs.push_back(run(job, next, count));
        next += count;
        waiting_requests += count;
      }
      jobs.push_back(waiting(job, runs, static_cast<std::int64_t>(random.below(3))));
    }
    auto bounds = limits(static_cast<std::uint32_t>(1 + random.below(120)), 500 + random.below(30'000));
    for (std::uint64_t i = random.below(4); i > 0; --i)
      bounds.taken_counts.insert(static_cast<std::uint32_t>(random.below(100)));
    const auto plan = plan_batch(jobs, bounds, sizes);
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    EXPECT_LE(plan.requests, bounds.requests);
    EXPECT_FALSE(plan.requests > 0 && bounds.taken_counts.contains(plan.requests));
    if (plan.requests > 1) EXPECT_LE(plan.bytes, bounds.bytes);
    if (!plan.empty()) EXPECT_EQ(plan.bytes, body_bytes(plan, sizes));
    std::set<std::pair<JobId, Seq>> taken;
    for (const auto& part : plan.parts) {
      for (Seq seq = part.range.first; seq < part.range.first + part.range.count; ++seq) {
        EXPECT_TRUE(taken.insert({part.range.job, seq}).second);
      }
    }
    EXPECT_EQ(taken.size(), plan.requests);
    if (!plan.full && bounds.taken_counts.empty()) EXPECT_EQ(plan.requests, waiting_requests);
    EXPECT_EQ(surely_full(jobs, bounds), waiting_requests >= bounds.requests);
    if (surely_full(jobs, bounds) && !plan.empty()) EXPECT_TRUE(plan.full);
  }
}

TEST(Packer, IsSurelyFullWhereEnoughOfOneKindWaits) {
  EXPECT_FALSE(surely_full({}, limits(1)));
  EXPECT_FALSE(surely_full({waiting(1, {run(1, 0, 5)})}, limits(0)));
  EXPECT_FALSE(surely_full({waiting(1, {run(1, 0, 4), run(1, 7, 5)})}, limits(10)));
  EXPECT_TRUE(surely_full({waiting(1, {run(1, 0, 4), run(1, 7, 5)}), waiting(2, {run(2, 0, 1)})}, limits(10)));

  auto other = waiting(2, {run(2, 0, 5)});
  other.headers.betas = {"output-300k-2026-03-24"};
  EXPECT_FALSE(surely_full({waiting(1, {run(1, 0, 5)}), other}, limits(10))) << "other headers";
  auto suspect = run(1, 0, 8, 100);
  suspect.most_together = 4;
  EXPECT_TRUE(surely_full({waiting(1, {suspect})}, limits(10))) << "as many as may go together";
  auto paused = limits(10);
  paused.prefer_never_refused = true;
  EXPECT_FALSE(surely_full({waiting(1, {suspect, run(1, 8, 5)})}, paused));
}

TEST(Linger, AFullBatchGoesAtOnceAndAnotherWhenItsOldestHasWaited) {
  EqualSizes sizes(100);
  const auto now = from_millis(5000);
  auto plan = plan_batch({waiting(1, {run(1, 0, 5, 4000)})}, limits(100), sizes);
  EXPECT_EQ(send_at(plan, std::chrono::seconds(10), now), from_millis(14'000));
  EXPECT_EQ(send_at(plan, std::chrono::milliseconds(500), now), now);
  plan.full = true;
  EXPECT_EQ(send_at(plan, std::chrono::seconds(10), now), now);
  EXPECT_EQ(send_at(Plan(), std::chrono::seconds(10), now), std::nullopt);
}

TEST(Linger, AClockThatWasSetBackHoldsNothingUp) {
  EqualSizes sizes(100);
  const auto plan = plan_batch({waiting(1, {run(1, 0, 5, 900'000'000)})}, limits(100), sizes);
  EXPECT_EQ(send_at(plan, std::chrono::seconds(10), from_millis(5000)), from_millis(5000));
}

struct GateCase {
  const char* what;
  void (*change)(PackView&, Config&);
  bool closed;
};

class Gate : public testing::TestWithParam<GateCase> {};

TEST_P(Gate, IsClosedWhereNothingMayBeSent) {
  PackView view;
  Config config;
  GetParam().change(view, config);
  EXPECT_EQ(closed_gate(view, config, from_millis(1'000'000)).has_value(), GetParam().closed);
}

INSTANTIATE_TEST_SUITE_P(
    All, Gate,
    testing::Values(
        GateCase{"Open", [](PackView&, Config&) {}, false},
        GateCase{"Uploading", [](PackView& v, Config&) { v.intent_uploading = true; }, true},
        GateCase{"OperatorPause", [](PackView& v, Config&) { v.submitting_paused = true; }, true},
        GateCase{"UnexplainedBatches", [](PackView& v, Config&) { v.unexplained_batches = true; }, true},
        GateCase{"Restored", [](PackView& v, Config&) { v.restored_at = from_millis(1'000'000); }, true},
        GateCase{"RestoredLongAgo", [](PackView& v, Config&) { v.restored_at = from_millis(0); }, true},
        GateCase{"RestoredAndShared",
                 [](PackView& v, Config& c) {
                   v.restored_at = from_millis(1'000'000);
                   c.provider.exclusive = false;
                 },
                 false},
        GateCase{"AccountPaused", [](PackView& v, Config&) { v.account = {true, "credit", from_millis(1'000'001), 1}; },
                 true},
        GateCase{"AccountTryIsDue", [](PackView& v, Config&) { v.account = {true, "credit", from_millis(999'999), 1}; },
                 false},
        GateCase{"AccountTryInTenYears",
                 [](PackView& v, Config&) { v.account = {true, "credit", from_millis(315'000'000'000), 1}; }, false},
        GateCase{"Delayed", [](PackView& v, Config&) { v.delay = {2, "529", from_millis(1'000'500)}; }, true},
        // No wait is longer than max_backoff, whatever a retry-after says: our clock was set back.
        GateCase{"DelayedForADay", [](PackView& v, Config&) { v.delay = {2, "429", from_millis(87'400'000)}; }, false},
        GateCase{"OpenBatches", [](PackView& v, Config& c) { v.open_batches = c.batch.max_open_batches; }, true},
        GateCase{"TierQueue", [](PackView& v, Config& c) { v.queued_requests = c.batch.max_queued_requests; }, true},
        GateCase{"DailyCap",
                 [](PackView& v, Config& c) {
                   c.money.daily_cap_usd = 5;
                   v.spent_today = 5'000'000'000;
                 },
                 true}),
    [](const auto& test) { return test.param.what; });

}  // namespace
}  // namespace offpeak
