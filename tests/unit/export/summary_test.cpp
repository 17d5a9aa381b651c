#include "export/summary.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace offpeak {
namespace {

Job some_job() {
  Job job;
  job.id = JobId{7};
  job.name = "re/views \"1\"";
  job.file = "reviews.jsonl";
  job.state = JobState::running;
  job.requests = 3;
  job.counts[RequestState::succeeded] = 2;
  job.counts[RequestState::errored] = 1;
  job.cost = 1'500'000'000;
  return job;
}

TEST(Summary, HoldsWhatTheContractNames) {
  JobTallies tallies;
  tallies.stop_reasons = {{"end_turn", 1}, {"max_tokens", 1}};
  tallies.usage = {{"input_tokens", 10}};
  tallies.unpriced_models = {{"claude-next", 1}};
  Batch batch;
  batch.id = BatchId{3};
  batch.provider_id = "msgbatch_3";
  batch.state = BatchState::collected;
  const auto text = summary_json(as_finished(some_job(), Instant(std::chrono::hours(24))), tallies, {batch});
  JsonChecker checker;
  ASSERT_FALSE(checker.check(text));
  EXPECT_EQ(json_path(text, {"job", "state"}), R"("done")");
  EXPECT_EQ(json_path(text, {"job", "done_at"}), R"("1970-01-02T00:00:00Z")");
  EXPECT_EQ(json_member(text, "counts"), R"({"succeeded":2,"errored":1,"expired":0,"canceled":0})");
  EXPECT_EQ(json_member(text, "stop_reasons"), R"({"end_turn":1,"max_tokens":1})");
  EXPECT_EQ(json_member(text, "usage"), R"({"input_tokens":10})");
  EXPECT_EQ(json_member(text, "cost_usd"), "1.5");
  EXPECT_EQ(json_member(text, "unpriced_models"), R"({"claude-next":1})");
  EXPECT_NE(json_member(text, "batches").value_or("").find("msgbatch_3"), std::string_view::npos);
  const auto facts = read_summary(text);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->job, JobId{7});
  EXPECT_EQ(facts->done_at, Instant(std::chrono::hours(24)));
}

TEST(Summary, AJobThatWasCanceledEndsCanceled) {
  auto job = some_job();
  job.state = JobState::canceling;
  job.reason = "because";
  const auto finished = as_finished(job, {});
  EXPECT_EQ(finished.state, JobState::canceled);
  EXPECT_FALSE(finished.reason);
}

TEST(Summary, NamesAreSafeInPaths) {
  auto job = some_job();
  EXPECT_EQ(results_folder_name(job), "7-re_views__1_");
  EXPECT_EQ(unfinished_folder_name(job), ".7-re_views__1_.tmp");
  EXPECT_TRUE(is_unfinished_folder_name(unfinished_folder_name(job)));
  EXPECT_FALSE(is_unfinished_folder_name(results_folder_name(job)));
  job.name = std::string(300, 'x');
  EXPECT_EQ(results_folder_name(job).size(), 2u + 100u);
}

TEST(Summary, WhatIsNoSummaryIsRecognised) {
  for (const auto* text : {"", "{}", "[1]", R"({"job":{"id":7}})", R"({"job":{"id":"7","done_at":"x"}})", "{"}) {
    EXPECT_FALSE(read_summary(text)) << text;
  }
}

}  // namespace
}  // namespace offpeak
