#include "results/result_line.hpp"

#include <gtest/gtest.h>

#include "results/classify.hpp"
#include "results/collect_decisions.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;

class ResultLineTest : public ::testing::Test {
 protected:
  bool parse(std::string_view text) {
    kept_ = text;
    return parse_result_line(kept_, checker_, line);
  }
  ResultLine line;

 private:
  JsonChecker checker_;
  std::string kept_;
};

TEST_F(ResultLineTest, ReadsASucceededLineOfRecordedTraffic) {
  ASSERT_TRUE(parse(
      R"({"custom_id":"a","result":{"type":"succeeded","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5-20251001","content":[{"type":"text","text":"say \"}\" \\"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":16,"cache_creation_input_tokens":7,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":2},"output_tokens":5,"server_tool_use":{"web_search_requests":2},"service_tier":"batch","inference_geo":"us"}}}})"));
  EXPECT_EQ(line.custom_id, "a");
  EXPECT_EQ(line.type, OutcomeType::succeeded);
  EXPECT_TRUE(line.result.starts_with(R"({"type":"succeeded")"));
  EXPECT_TRUE(line.result.ends_with("}}}"));
  EXPECT_EQ(line.model, "claude-haiku-4-5-20251001");
  EXPECT_EQ(line.stop_reason, "end_turn");
  EXPECT_EQ(line.usage, (Usage{16, 5, 5, 2, 3, 2, true}));
}

TEST_F(ResultLineTest, TheUsefulErrorTypeIsTheInnerOne) {
  ASSERT_TRUE(parse(
      R"({"custom_id":"b","result":{"type":"errored","error":{"type":"error","error":{"details":{"error_code":"x_y"},"type":"invalid_request_error","message":"messages: Field required"},"request_id":null}}})"));
  EXPECT_EQ(line.type, OutcomeType::errored);
  EXPECT_EQ(line.error_type, "invalid_request_error");
  EXPECT_EQ(line.error_message, "messages: Field required");
  EXPECT_EQ(line.error_code, "x_y");
}

TEST_F(ResultLineTest, ReadsLeniently) {
  ASSERT_TRUE(parse(R"( { "result" : {"type":"expired","new":[1,{}]} , "more" : 1, "custom_id" : "x\u002dy" } )"));
  EXPECT_EQ(line.custom_id, "x-y");
  EXPECT_EQ(line.result, R"({"type":"expired","new":[1,{}]})");
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"canceled"}})"));
  EXPECT_EQ(line.type, OutcomeType::canceled);
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"errored","error":null}})"));
  EXPECT_EQ(line.error_type, "");
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"succeeded","message":{"stop_reason":null,"usage":null}}})"));
  EXPECT_EQ(line.usage, Usage{});
  ASSERT_TRUE(parse(
      R"({"custom_id":"c","result":{"type":"succeeded","message":{"usage":{"input_tokens":1.5,"output_tokens":-3,"cache_creation_input_tokens":9,"cache_creation":null}}}})"));
  EXPECT_EQ(line.usage.cache_creation_5m_input_tokens, 9);
  EXPECT_EQ(line.usage.input_tokens, 0);
  EXPECT_EQ(line.usage.output_tokens, 0);
}

TEST_F(ResultLineTest, OddMembersAreAsGoodAsMissingOnes) {
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"errored","error":{"type":"error"}}})"));
  EXPECT_EQ(line.error_type, "");
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"errored","error":{"error":"text"}}})"));
  EXPECT_EQ(line.error_type, "");
  ASSERT_TRUE(parse(
      R"({"custom_id":"c","result":{"type":"errored","error":{"error":{"type":"t","details":{"other":1},"more":2}}}})"));
  EXPECT_EQ(line.error_type, "t");
  EXPECT_EQ(line.error_code, "");
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"errored","error":{"error":{"type":7,"details":"text"}}}})"));
  EXPECT_EQ(line.error_type, "");
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"succeeded","message":"text"}})"));
  EXPECT_EQ(line.model, "");
  EXPECT_FALSE(parse(R"({"custom_id":"c","result":{"type":12345678}})"));
  ASSERT_TRUE(parse(
      R"({"custom_id":"c","result":{"type":"succeeded","message":{"usage":{"input_tokens":1000000001,"output_tokens":1000000000,"server_tool_use":null}}}})"));
  EXPECT_EQ(line.usage.input_tokens, 0) << "more than any answer holds";
  EXPECT_EQ(line.usage.output_tokens, 1'000'000'000);
  EXPECT_EQ(line.usage.web_search_requests, 0);
}

TEST_F(ResultLineTest, WhatIsAlmostOfTheUsualFormIsReadLikeAnyOther) {
  ASSERT_TRUE(parse(
      "{ \"custom_id\" : \"a\" , \"result\" : { \"type\" : \"succeeded\" , \"message\" : { \"model\" : \"m\" } } } "));
  EXPECT_EQ(line.custom_id, "a");
  EXPECT_EQ(line.model, "m");
  EXPECT_EQ(line.result, R"({ "type" : "succeeded" , "message" : { "model" : "m" } })");

  // Of equal members the last one counts, wherever it stands; and what a member before it said is forgotten.
  ASSERT_TRUE(parse(R"({"custom_id":"a","result":{"type":"succeeded","message":{"model":"m"}},"custom_id":"b"})"));
  EXPECT_EQ(line.custom_id, "b");
  ASSERT_TRUE(parse(
      R"({"custom_id":"a","result":{"type":"succeeded","message":{"model":"m"},"message":{"stop_reason":"s"}}})"));
  EXPECT_EQ(line.model, "");
  EXPECT_EQ(line.stop_reason, "s");
  ASSERT_TRUE(parse(R"({"custom_id":"a","result":{"type":"succeeded","message":{"model":"m"},"type":"expired"}})"));
  EXPECT_EQ(line.type, OutcomeType::expired);
  EXPECT_EQ(line.model, "");
  ASSERT_TRUE(parse(R"({"custom_id":"a","result":{"type":"succeeded","message":{}}})"));
  EXPECT_EQ(line.result, R"({"type":"succeeded","message":{}})");
  EXPECT_FALSE(parse(R"({"custom_id":7,"result":{"type":"succeeded","message":{"model":"m"}}})"));
}

TEST_F(ResultLineTest, NothingOfTheLineBeforeIsLeft) {
  ASSERT_TRUE(parse(R"({"custom_id":"b","result":{"type":"errored","error":{"error":{"type":"t","message":"m"}}}})"));
  ASSERT_TRUE(parse(R"({"custom_id":"c","result":{"type":"canceled"}})"));
  EXPECT_EQ(line.error_type, "");
  EXPECT_EQ(line.error_message, "");
}

// faults.md 32
TEST_F(ResultLineTest, RefusesWhatIsNobodysOutcome) {
  for (const auto* text : {"", "null", "[]", "{", R"({"custom_id":"a"})", R"({"result":{"type":"expired"}})",
                           R"({"custom_id":7,"result":{"type":"expired"}})", R"({"custom_id":"a","result":null})",
                           R"({"custom_id":"a","result":{"type":"vanished"}})", R"({"custom_id":"a","result":{}})",
                           R"({"custom_id":"a","result":{"type":"expired"}}{)",
                           "{\"custom_id\":\"a\xff\",\"result\":{\"type\":\"expired\"}}"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
  EXPECT_FALSE(parse(std::string_view("{\"custom_id\":\"a\0\",\"result\":{\"type\":\"expired\"}}", 46)));
  const auto deep = R"({"custom_id":"a","result":{"type":"expired","x":)" + std::string(100'000, '[') +
                    std::string(100'000, ']') + "}}";
  EXPECT_FALSE(parse(deep));
}

ResultLine made_line(OutcomeType type, std::string error_type = "", std::string message = "") {
  ResultLine line;
  line.type = type;
  line.error_type = std::move(error_type);
  line.error_message = std::move(message);
  return line;
}

TEST(ClassifyResult, FollowsTheClosedTable) {
  struct Case {
    ResultLine line;
    ResultAction first, last;  // with attempts left, and at the last one
  };
  using A = ResultAction;
  const auto errored = [](std::string type, std::string message = "") {
    return made_line(OutcomeType::errored, std::move(type), std::move(message));
  };
  const std::vector<Case> cases{
      {made_line(OutcomeType::succeeded), A::outcome, A::outcome},
      {errored("invalid_request_error", "max_tokens: too many"), A::outcome, A::outcome},
      {errored("not_found_error"), A::outcome, A::outcome},
      {errored("request_too_large"), A::outcome, A::outcome},
      {errored("authentication_error"), A::account_again, A::account_again},
      {errored("permission_error"), A::account_again, A::account_again},
      {errored("billing_error"), A::account_again, A::account_again},
      {errored("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
       A::account_again, A::account_again},
      {errored("invalid_request_error", "You have reached your specified API usage limits."), A::account_again,
       A::account_again},
      {errored("rate_limit_error"), A::another, A::outcome},
      {errored("timeout_error"), A::another, A::outcome},
      {errored("api_error"), A::another, A::outcome},
      {errored("overloaded_error"), A::another, A::outcome},
      {errored("a_new_error"), A::another, A::outcome},
      {errored(""), A::another, A::outcome},
      {made_line(OutcomeType::expired), A::another, A::outcome},
      {made_line(OutcomeType::canceled), A::hold_again, A::hold_again},
  };
  for (const auto& one : cases) {
    const auto name = std::string(to_text(one.line.type)) + " " + one.line.error_type;
    EXPECT_EQ(classify_result(one.line, {0, 5, false}), one.first) << name;
    EXPECT_EQ(classify_result(one.line, {3, 5, false}), one.first) << name;
    EXPECT_EQ(classify_result(one.line, {4, 5, false}), one.last) << name;
    // A job that is being canceled keeps the true outcome of what was already sent.
    EXPECT_EQ(classify_result(one.line, {0, 5, true}), A::outcome) << name;
  }
}

TEST(CollectDecisions, EveryEndOfADownloadHasOneStep) {
  ReadTally whole;
  whole.own = 2;
  whole.by_type = {2, 0, 0, 0};
  ReadTally foreign;
  foreign.foreign = 2;
  CollectFacts facts;
  facts.requests = 2;
  facts.told = {2, 0, 0, 0};
  EXPECT_EQ(after_download(facts, whole), CollectStep::collect);
  EXPECT_EQ(after_download(facts, foreign), CollectStep::disprove);
  facts.proven = true;
  EXPECT_EQ(after_download(facts, foreign), CollectStep::collect);  // the queue will miss every line
  facts.told = {1, 1, 0, 0};
  EXPECT_EQ(after_download(facts, whole), CollectStep::ask_counts);
  facts.said_before = true;
  EXPECT_EQ(after_download(facts, whole), CollectStep::collect);
  facts.end = TransferEnd::cut;
  EXPECT_EQ(after_download(facts, whole), CollectStep::again);
  facts.end = TransferEnd::disk_full;
  EXPECT_EQ(after_download(facts, whole), CollectStep::again);
  facts.end = TransferEnd::not_there;
  EXPECT_EQ(after_download(facts, {}), CollectStep::ask_batch);
  facts.end = TransferEnd::cut;
  EXPECT_EQ(after_download(facts, {}), CollectStep::again);
}

TEST(CollectDecisions, AStrayLineIsNoMixAndHalfOfThemAreOne) {
  ReadTally tally;
  tally.own = 500;
  tally.foreign = 1;
  tally.lines = 501;
  EXPECT_FALSE(is_mixed(tally, 1000));
  tally.foreign = 2;
  tally.lines = 1'000'000;
  EXPECT_FALSE(is_mixed(tally, 1000));
  tally.foreign = 500;
  tally.lines = 1000;
  EXPECT_TRUE(is_mixed(tally, 1000));
  EXPECT_FALSE(is_mixed(tally, 500)) << "all of ours are there";
}

TEST(CollectDecisions, EveryFailureOfACallIsOneEndOfTheTransfer) {
  const auto end = [](CallFailureKind kind, bool disk_full = false) {
    CallFailure failure;
    failure.kind = kind;
    return end_of(failure, disk_full);
  };
  EXPECT_EQ(end(CallFailureKind::not_found), TransferEnd::not_there);
  EXPECT_EQ(end(CallFailureKind::refused), TransferEnd::not_there) << "the batch itself will tell";
  EXPECT_EQ(end(CallFailureKind::stopped, true), TransferEnd::disk_full);
  EXPECT_EQ(end(CallFailureKind::stopped, false), TransferEnd::cut);
  for (const auto kind : {CallFailureKind::unreachable, CallFailureKind::throttled, CallFailureKind::account,
                          CallFailureKind::unreadable}) {
    EXPECT_EQ(end(kind), TransferEnd::cut);
  }
}

TEST(CollectDecisions, TheLostDocumentHasTheProvidersShape) {
  Batch batch;
  batch.provider_id = "msgbatch_\"1";
  const auto text = lost_result(batch);
  JsonChecker checker;
  EXPECT_FALSE(checker.check(text));
  EXPECT_EQ(json_path(text, {"error", "error", "type"}), R"("offpeak_results_lost")");
  EXPECT_EQ(json_path(text, {"type"}), R"("errored")");
}

TEST(CollectDecisions, WarnsAtTwentyDaysAndGivesUpAtTwentyNine) {
  Batch batch;
  batch.created_at = Instant(100 * 24h);
  EXPECT_FALSE(is_at_risk(batch, Instant(119 * 24h)));
  EXPECT_TRUE(is_at_risk(batch, Instant(120 * 24h)));
  EXPECT_FALSE(is_overdue(batch, Instant(129 * 24h - 1ms)));
  EXPECT_TRUE(is_overdue(batch, Instant(129 * 24h)));
}

// A clock that runs ten years ahead makes every batch look 29 days old.
TEST(CollectDecisions, OnlyTheProviderSaysThatResultsAreGone) {
  Batch batch;
  batch.created_at = Instant(100 * 24h);
  const Instant late(3750 * 24h);
  Called<ProviderBatch> told;
  EXPECT_FALSE(is_gone(batch, told, late));
  std::get<0>(told.answer).archived_at = Instant(129 * 24h);
  EXPECT_TRUE(is_gone(batch, told, late));
  CallFailure unknown;
  unknown.kind = CallFailureKind::not_found;
  told.answer = unknown;
  EXPECT_FALSE(is_gone(batch, told, late)) << "not known at one try";
  batch.failures = 24;
  EXPECT_TRUE(is_gone(batch, told, late)) << "not known for a day";
  EXPECT_FALSE(is_gone(batch, told, Instant(120 * 24h)));
  unknown.kind = CallFailureKind::throttled;
  told.answer = unknown;
  EXPECT_FALSE(is_gone(batch, told, late));
}

}  // namespace
}  // namespace offpeak
