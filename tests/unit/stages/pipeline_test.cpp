// The whole daemon in virtual time against the simulated provider: what the ledger bills is the judge.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.hpp"
#include "sim/script.hpp"
#include "support/rig.hpp"

namespace offpeak {
namespace {

using offpeak::testing::Rig;
using std::chrono::hours;
using std::chrono::minutes;

std::vector<sim::FaultRule> faults(std::string_view json) {
  auto parsed = sim::parse_faults(json);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  return *parsed;
}

std::string plain(int) { return "hello"; }

// Every line is there, in input order, and nothing was billed twice.
void expect_complete(Rig& rig, std::int64_t job, int requests) {
  const auto lines = rig.result_lines(job);
  ASSERT_EQ(lines.size(), static_cast<std::size_t>(requests)) << rig.log.text();
  for (int i = 0; i < requests; ++i) {
    EXPECT_EQ(json_member(lines[static_cast<std::size_t>(i)], "custom_id"), "\"r" + std::to_string(i) + "\"");
  }
  EXPECT_EQ(rig.totals().contents_billed_twice, 0u);
  EXPECT_EQ(rig.totals().contents_overlapped, 0u);
}

int count_type(const std::vector<std::string>& lines, std::string_view type) {
  int count = 0;
  for (const auto& line : lines) count += json_path(line, {"result", "type"}) == "\"" + std::string(type) + "\"";
  return count;
}

void expect_all_succeed(Rig& rig, int requests, Duration most = hours(48)) {
  rig.drop_requests("job.jsonl", requests, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(most)) << rig.log.text();
  expect_complete(rig, 1, requests);
  EXPECT_EQ(count_type(rig.result_lines(1), "succeeded"), requests);
}

TEST(Pipeline, ADroppedFileBecomesResults) {
  Rig rig;
  expect_all_succeed(rig, 50, minutes(10));
  EXPECT_EQ(rig.provider->creates, 1);
}

TEST(Pipeline, MarkedRequestsEndAsTheProviderSaidOrAreTriedAgain) {
  Rig rig;
  rig.drop_requests("job.jsonl", 40, [](int i) -> std::string {
    if (i == 3) return "[[errored:invalid_request_error]]";
    if (i == 5) return "[[errored:overloaded_error:2]]";
    if (i == 7) return "[[expired:1]]";
    if (i == 9) return "[[errored:api_error]]";
    return "";
  });
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(24)));
  expect_complete(rig, 1, 40);
  EXPECT_EQ(count_type(rig.result_lines(1), "succeeded"), 38);
  EXPECT_EQ(count_type(rig.result_lines(1), "errored"), 2);
}

TEST(Pipeline, SeveralJobsShareBatchesAndSmallLimitsMakeMany) {
  Rig rig;
  rig.config.batch.max_requests = 7;
  rig.config.batch.max_open_batches = 3;
  for (const auto* name : {"a.jsonl", "b.jsonl", "c.jsonl"}) rig.drop_requests(name, 20, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(2)));
  for (std::int64_t job = 1; job <= 3; ++job) expect_complete(rig, job, 20);
  EXPECT_LE(rig.totals().most_open_batches, 3u);
}

// Fault 4: the answer is lost after the batch was created.
TEST(SubmitOnce, ALostAnswerIsFoundByTheList) {
  Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}}])"));
  expect_all_succeed(rig, 30);
  EXPECT_EQ(rig.provider->creates, 1) << "never sent again";
  EXPECT_TRUE(rig.log.has("intent.adopted"));
}

// Fault 4: all bytes were sent, and nothing was created.
TEST(SubmitOnce, ALostRequestIsSentAgainOnlyAfterSettling) {
  Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"instead"}}])"));
  const auto started = rig.clock.now();
  expect_all_succeed(rig, 30);
  EXPECT_EQ(rig.provider->creates, 2) << "in one piece: results tell a late twin apart, not its count";
  EXPECT_GE(rig.clock.now() - started, rig.config.provider.settle_unknown);
}

// Fault 5: 200, but the body cannot be read.
TEST(SubmitOnce, AnUnreadable200IsNeverRetried) {
  Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"garble","as":"html"}}])"));
  expect_all_succeed(rig, 30);
  EXPECT_EQ(rig.provider->creates, 1);
}

// Faults 7, 8: a 5xx or 529 after the batch was created.
TEST(SubmitOnce, AServerErrorAfterCreatingIsSettledNotRetried) {
  for (const int status : {500, 502, 503, 504, 529, 408, 409}) {
    Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"error","when":"after","status":)" +
                   std::to_string(status) + "}}]"));
    expect_all_succeed(rig, 10);
    EXPECT_EQ(rig.provider->creates, 1) << status;
  }
}

// Fault 10: a 429 of a proxy, without the API's shape, proves nothing.
TEST(SubmitOnce, A429WithoutTheApisShapeIsUnknown) {
  Rig rig(faults(R"([{"on":"create","nth":1,"do":{"action":"error","when":"after","status":429,"shape":"html"}}])"));
  expect_all_succeed(rig, 10);
  EXPECT_EQ(rig.provider->creates, 1);
}

// The list lags: shorter than settle_unknown, it only delays.
TEST(SubmitOnce, AListThatLagsIsWaitedFor) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
          {"on":"create","nth":1,"do":{"action":"lag","for":"8m"}}])"));
  expect_all_succeed(rig, 30);
  EXPECT_EQ(rig.provider->creates, 1);
}

// Another program's batch of our size is adopted by mistake, and disproved by its results.
TEST(SubmitOnce, AForeignBatchOfOurSizeIsDisprovedByItsNonces) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"instead"}},
          {"on":"create","nth":1,"do":{"action":"foreign_batch","same_size":true}}])"));
  expect_all_succeed(rig, 12);
}

TEST(SubmitOnce, TwoCandidatesWaitForTheOneThatShowsItsNonce) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
          {"on":"create","nth":1,"do":{"action":"foreign_batch","same_size":true}}])"));
  expect_all_succeed(rig, 12);
  EXPECT_EQ(rig.provider->creates, 1);
}

// An odd line proves nothing: here it is all that a download of our own batch shows at first.
TEST(SubmitOnce, AnUnreadableLineDoesNotExcludeACandidate) {
  for (const auto* odd : {R"({"action":"lines","garbage":1,"none":true})", R"({"action":"lines","garbage":2})",
                          R"({"action":"cut","fraction":0.3})"}) {
    Rig rig(faults(
        R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
            {"on":"create","nth":1,"do":{"action":"foreign_batch","same_size":true}},
            {"on":"results","to":3,"do":)" +
        std::string(odd) + "}]"));
    SCOPED_TRACE(odd);
    expect_all_succeed(rig, 1);
    EXPECT_EQ(rig.provider->creates, 1);
  }
}

// A slow answer tells what was true when the list was asked for, which may be before the batch was listed.
TEST(SubmitOnce, ASlowListIsNoLaterWitness) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
          {"on":"create","nth":1,"do":{"action":"lag","for":"12m"}},
          {"on":"list","from":12,"to":40,"do":{"action":"delay","for":"9m"}}])"));
  expect_all_succeed(rig, 30);
  EXPECT_EQ(rig.provider->creates, 1);
}

// Step 6: the batch came into being after its intent was taken as not created, and nothing was sent again yet. Its paid
// results are used, and nothing is paid for twice.
TEST(LateTwin, ItsPaidResultsAreUsed) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
          {"on":"create","nth":1,"do":{"action":"late","for":"16m"}},
          {"on":"create","from":2,"to":9,"do":{"action":"error","status":429,"retry_after":"120"}}])"));
  expect_all_succeed(rig, 20);
  EXPECT_TRUE(rig.log.has("batch.came_late"));
  EXPECT_TRUE(rig.log.has("intent.not_created"));
  EXPECT_EQ(rig.totals().requests_billed, 20u) << rig.log.text();
}

// The requests were sent again already: the twin is canceled at once, before it has run anything.
TEST(LateTwin, IsCanceledAtOnceInAWorkspaceOfOurOwn) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
          {"on":"create","nth":1,"do":{"action":"lag","for":"20m"}}])"));
  rig.service.change([] {
    sim::Settings settings;
    settings.processing_time = hours(10);
    return settings;
  }());
  rig.drop_requests("job.jsonl", 20, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(48))) << rig.log.text();
  rig.clock.advance(hours(2));
  EXPECT_TRUE(rig.log.has("batch.cancel_requested")) << rig.log.text();
  EXPECT_EQ(count_type(rig.result_lines(1), "succeeded"), 20);
  // What it ran before any list showed it.
  EXPECT_LE(rig.totals().contents_billed_twice, 2u);
  EXPECT_LE(rig.totals().requests_billed, 22u);
}

// It has run before anybody could see it, and nothing is in flight any more: it is found all the same.
TEST(LateTwin, IsFoundWhileNothingIsInFlight) {
  Rig rig(faults(
      R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
          {"on":"create","nth":1,"do":{"action":"late","for":"5h"}}])"));
  rig.drop_requests("job.jsonl", 20, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(2)));
  rig.clock.advance(hours(52));
  EXPECT_TRUE(rig.log.has("batch.came_late"));
  EXPECT_EQ(count_type(rig.result_lines(1), "succeeded"), 20) << "the first recorded outcome stands";
  const int lists = rig.provider->lists;
  rig.clock.advance(hours(30));
  EXPECT_EQ(rig.provider->lists, lists) << "the audit ends";
}

TEST(LateTwin, ARestartForgetsNothing) {
  for (int after_minutes = 14; after_minutes < 40; after_minutes += 2) {
    Rig rig(faults(
        R"([{"on":"create","nth":1,"do":{"action":"lose_answer","when":"after"}},
            {"on":"create","nth":1,"do":{"action":"late","for":"20m"}},
            {"on":"create","from":2,"to":6,"do":{"action":"error","status":529,"when":"early"}}])"));
    rig.drop_requests("job.jsonl", 8, plain);
    rig.start();
    rig.clock.advance(minutes(after_minutes));
    rig.restart();
    SCOPED_TRACE(after_minutes);
    ASSERT_TRUE(rig.run_until_done(hours(60))) << rig.log.text();
    EXPECT_EQ(rig.result_lines(1).size(), 8u);
  }
}

// Fault 11, 12: 413 of whatever shape, early or late, halves and learns.
TEST(Refusals, A413Halves) {
  Rig rig(faults(R"([{"on":"create","to":2,"do":{"action":"error","status":413,"shape":"html","when":"early"}}])"));
  expect_all_succeed(rig, 40);
  EXPECT_GE(rig.provider->creates, 4);
}

TEST(Refusals, A400ThatNamesARequestFailsThatOneOnly) {
  Rig rig;
  rig.drop_requests("job.jsonl", 20, [](int i) -> std::string { return i == 11 ? "[[400]]" : ""; });
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(12)));
  expect_complete(rig, 1, 20);
  EXPECT_EQ(count_type(rig.result_lines(1), "errored"), 1);
  EXPECT_EQ(rig.provider->creates, 2);
}

TEST(Refusals, A400ThatNamesNobodyIsFoundByHalves) {
  Rig rig;
  rig.drop_requests("job.jsonl", 20, [](int i) -> std::string { return i == 11 ? "[[400-unnamed]]" : ""; });
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(48))) << rig.log.text();
  expect_complete(rig, 1, 20);
  EXPECT_EQ(count_type(rig.result_lines(1), "errored"), 1);
}

TEST(Refusals, AnAccountFaultPausesAndGoesOnByItself) {
  Rig rig(faults(
      R"([{"on":"create","to":4,"do":{"action":"error","status":400,"type":"invalid_request_error",
           "message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."}}])"));
  expect_all_succeed(rig, 10);
  EXPECT_TRUE(rig.log.has("account.paused"));
  EXPECT_FALSE(rig.queue->account().paused);
}

TEST(Refusals, AThrottledCreateIsRetriedAfterItsRetryAfter) {
  Rig rig(faults(R"([{"on":"create","to":3,"do":{"action":"error","status":429,"retry_after":"60"}}])"));
  const auto started = rig.clock.now();
  expect_all_succeed(rig, 10);
  EXPECT_GE(rig.clock.now() - started, minutes(3));
}

// Faults 29 to 35 through the whole daemon.
TEST(Results, OddDownloadsNeverLoseOrDouble) {
  for (const auto* odd :
       {R"({"action":"cut","fraction":0.4})", R"({"action":"lines","duplicate":3})",
        R"({"action":"lines","none":true})", R"({"action":"lines","garbage":2,"blank":1,"crlf":true})",
        R"({"action":"lines","missing":2})", R"({"action":"error","status":404})", R"({"action":"error","status":500})",
        R"({"action":"lines","no_last_newline":true})"}) {
    Rig rig(faults(std::string(R"([{"on":"results","nth":1,"do":)") + odd + "}]"));
    SCOPED_TRACE(odd);
    expect_all_succeed(rig, 25);
  }
}

TEST(Pipeline, StopsAndStartsAnywhereLoseNothing) {
  for (int after_ms = 0; after_ms < 20'000; after_ms += 650) {
    Rig rig;
    rig.config.batch.max_requests = 6;
    rig.drop_requests("job.jsonl", 20, [](int i) -> std::string { return i % 5 == 0 ? "[[expired:1]]" : ""; });
    rig.start();
    rig.clock.advance(Duration(after_ms));
    rig.restart();
    SCOPED_TRACE(after_ms);
    ASSERT_TRUE(rig.run_until_done(hours(48))) << rig.log.text();
    expect_complete(rig, 1, 20);
  }
}

TEST(Guard, ARestoredBackupStopsSubmittingUntilDismissed) {
  Rig rig;
  rig.drop_requests("first.jsonl", 5, plain);
  rig.start();
  ASSERT_TRUE(rig.run_until_done(hours(1)));
  rig.service.add_foreign(9, rig.clock.now() + minutes(1));  // what the lost state would have known
  rig.clock.advance(minutes(2));
  rig.restart();
  rig.drop_requests("second.jsonl", 5, plain);
  rig.clock.advance(hours(1));
  EXPECT_EQ(rig.provider->creates, 0) << "no POST while a batch is unexplained";
  const auto unexplained = rig.queue->unexplained();
  ASSERT_EQ(unexplained.size(), 1u);
  EXPECT_EQ(rig.queue->dismiss_unexplained(unexplained[0].provider_id), Decided::done);
  rig.restart();
  ASSERT_TRUE(rig.run_until_done(hours(1)));
  expect_complete(rig, 2, 5);
}

TEST(Jobs, ACanceledJobKeepsTrueOutcomesAndFinishes) {
  Rig rig;
  rig.config.batch.max_requests = 10;
  rig.config.batch.max_open_batches = 1;
  rig.service.change([] {
    sim::Settings settings;
    settings.processing_time = minutes(10);
    return settings;
  }());
  rig.drop_requests("job.jsonl", 25, plain);
  rig.start();
  rig.clock.advance(minutes(2));
  EXPECT_EQ(rig.queue->cancel_job(JobId{1}, rig.clock.now()), Queue::Change::done);
  ASSERT_TRUE(rig.run_until_done(hours(2))) << rig.log.text();
  EXPECT_EQ(rig.jobs()[0].state, JobState::canceled);
  expect_complete(rig, 1, 25);
  EXPECT_GE(count_type(rig.result_lines(1), "canceled"), 15);
}

}  // namespace
}  // namespace offpeak
