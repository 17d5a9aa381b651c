#include "results/result_line.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "results/classify.hpp"
#include "results/collect_decisions.hpp"
#include "results/result_walk.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;

class ResultLineTest : public ::testing::Test {
 protected:
  bool parse(std::string_view text) {
    kept_ = text;
    parse_result_line(kept_, checker_, line);
    expect_the_same_in_pieces();
    return line.readable();
  }
  std::string result() const { return kept_.substr(line.result_offset, line.result_bytes); }
  ResultLine line;

 private:
  // However it comes.
  void expect_the_same_in_pieces() {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, kept_.size() + 1}) {
      ResultWalk walk;
      for (std::size_t at = 0; at < kept_.size(); at += piece) walk.feed(std::string_view(kept_).substr(at, piece));
      ResultLine other;
      walk.finish(other);
      EXPECT_EQ(other.oddity, line.oddity) << kept_.substr(0, 200);
      EXPECT_EQ(other.is_json, line.is_json);
      EXPECT_EQ(other.custom_id, line.custom_id);
      EXPECT_EQ(other.type, line.type);
      EXPECT_EQ(other.model, line.model) << kept_.substr(0, 200);
      EXPECT_EQ(other.stop_reason, line.stop_reason);
      EXPECT_EQ(other.usage, line.usage);
      EXPECT_EQ(other.error_type, line.error_type);
      if (!line.readable()) continue;
      EXPECT_EQ(other.result_offset, line.result_offset);
      EXPECT_EQ(other.result_bytes, line.result_bytes);
    }
  }

  JsonChecker checker_;
  std::string kept_;
};

TEST_F(ResultLineTest, ReadsASucceededLineOfRecordedTraffic) {
  ASSERT_TRUE(parse(
      R"({"custom_id":"a","result":{"type":"succeeded","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5-20251001","content":[{"type":"text","text":"say \"}\" \\"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":16,"cache_creation_input_tokens":7,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":2},"output_tokens":5,"server_tool_use":{"web_search_requests":2},"service_tier":"batch","inference_geo":"us"}}}})"));
  EXPECT_EQ(line.custom_id, "a");
  EXPECT_EQ(line.type, OutcomeType::succeeded);
  EXPECT_TRUE(result().starts_with(R"({"type":"succeeded")"));
  EXPECT_TRUE(result().ends_with("}}}"));
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
  EXPECT_EQ(result(), R"({"type":"expired","new":[1,{}]})");
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
  EXPECT_EQ(result(), R"({ "type" : "succeeded" , "message" : { "model" : "m" } })");

  ASSERT_TRUE(parse(R"({"custom_id":"a","result":{"type":"succeeded","message":{}}})"));
  EXPECT_EQ(result(), R"({"type":"succeeded","message":{}})");
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
}

// Which of two would count is not for us to say.
TEST_F(ResultLineTest, WhatDecidesAndIsGivenTwiceIsUnreadable) {
  const auto odd = [&](std::string_view text) {
    EXPECT_FALSE(parse(text)) << text;
    EXPECT_TRUE(line.is_json) << text;
    return std::string(line.oddity);
  };
  EXPECT_EQ(odd(R"({"custom_id":"a","result":{"type":"errored","type":"succeeded","message":{"model":"m"}}})"),
            "the type of its result is given twice");
  EXPECT_EQ(line.custom_id, "a") << "whose it is can be told";
  EXPECT_TRUE(line.says_succeeded) << "it may have been paid for";
  EXPECT_EQ(line.model, "m");
  EXPECT_EQ(odd(R"({"custom_id":"a","result":{"type":"succeeded","message":{},"typ\u0065":"errored"}})"),
            "the type of its result is given twice")
      << "however the key is written";
  EXPECT_EQ(odd(R"({"custom_id":"a","result":{"type":"expired"},"result":{"type":"expired"}})"),
            "its result is given twice");
  EXPECT_EQ(odd(R"({"custom_id":"a","result":{"type":"expired"},"custom_id":"a"})"), "its custom_id is given twice");
  EXPECT_EQ(line.custom_id, "");
  for (const auto* text : {R"({"custom_id":"a","result":{"type":"succeeded","message":{"model":"m"},"message":{}}})",
                           R"({"custom_id":"a","result":{"type":"errored","error":{},"error":{}}})",
                           R"({"custom_id":"a","result":{"type":"errored","error":{"error":{"type":"a","type":"b"}}}})",
                           R"({"custom_id":"a","result":{"type":"errored","error":{"error":{},"error":{}}}})"}) {
    EXPECT_EQ(odd(text), "a member that decides is given twice in its result") << text;
  }
}

TEST_F(ResultLineTest, WhatIsOnlyCountedAndGivenTwiceCountsAsNotGiven) {
  const auto line_with = [](std::string_view message) {
    return fmt::format(R"({{"custom_id":"a","result":{{"type":"succeeded","message":{{{}}}}}}})", message);
  };
  ASSERT_TRUE(parse(line_with(R"("model":"m","stop_reason":"x","stop_reason":"y","usage":{"input_tokens":3})")));
  EXPECT_EQ(line.stop_reason, "");
  EXPECT_EQ(line.model, "m");
  EXPECT_EQ(line.usage.input_tokens, 3);
  ASSERT_TRUE(parse(line_with(R"("model":"m","usage":{"input_tokens":3,"input_tokens":4,"output_tokens":5})")));
  EXPECT_EQ(line.usage.input_tokens, 0);
  EXPECT_EQ(line.usage.output_tokens, 5);
  ASSERT_TRUE(parse(line_with(R"("model":"m","usage":{"input_tokens":3},"usage":{"input_tokens":3})")));
  EXPECT_EQ(line.model, "") << "its price is not known";
  EXPECT_EQ(line.usage, Usage());
  ASSERT_TRUE(parse(line_with(R"("content":[{"a":1,"a":2}],"model":"m")"))) << "what an answer holds is its own matter";
  EXPECT_EQ(line.model, "m");
}

TEST_F(ResultLineTest, SaysWhyALineIsUnreadableAndWhoseItIs) {
  struct Case {
    std::string_view text;
    std::string_view why;
    std::string_view id;
    bool is_json;
  };
  for (const auto& one : std::vector<Case>{
           {R"({"custom_id":"a","result":{"type":"failed","error":{}}})", "the type of its result is not known", "a",
            true},
           {R"({"custom_id":"a","result":{"type":["succeeded"]}})", "the type of its result is not known", "a", true},
           {R"({"custom_id":"a","result":"text"})", "its result is no object", "a", true},
           {R"({"custom_id":"a"})", "its result is no object", "a", true},
           {R"({"custom_id":["a"],"result":{"type":"expired"}})", "it has no custom_id", "", true},
           {R"({"custom_id":"a","result":{"type":"expired"})", "it is no JSON", "a", false},
           {R"(["custom_id","a"])", "it is no object", "", true},
           {R"(garbled)", "it is no JSON", "", false}}) {
    EXPECT_FALSE(parse(one.text)) << one.text;
    EXPECT_EQ(line.oddity, one.why) << one.text;
    EXPECT_EQ(line.custom_id, one.id) << one.text;
    EXPECT_EQ(line.is_json, one.is_json) << one.text;
    EXPECT_EQ(line.type, OutcomeType::errored);
  }
}

TEST_F(ResultLineTest, NoAnswerIsTooDeep) {
  for (const std::size_t depth : {300U, 100'000U}) {
    ASSERT_TRUE(parse(R"({"custom_id":"a","result":{"type":"succeeded","message":{"model":"m","content":)" +
                      std::string(depth, '[') + std::string(depth, ']') + R"(,"usage":{"input_tokens":3}}}})"));
    EXPECT_EQ(line.model, "m");
    EXPECT_EQ(line.usage.input_tokens, 3);
    ASSERT_TRUE(parse(R"({"custom_id":"a","result":{"type":"expired","x":)" + std::string(depth, '[') +
                      std::string(depth, ']') + "}}"));
    EXPECT_EQ(line.type, OutcomeType::expired);
  }
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

// A row that is at fault itself would pause everybody for ever.
TEST(ClassifyResult, ARowThatAlwaysMeetsAnAccountFaultWhileOthersSucceedIsAtFaultItself) {
  const auto line = made_line(OutcomeType::errored, "permission_error");
  const auto action = [&](std::uint32_t tries) {
    return classify_result(line, {.others_succeeded = true, .account_tries = tries});
  };
  EXPECT_EQ(action(0), ResultAction::account_again);
  EXPECT_EQ(action(1), ResultAction::account_again);
  EXPECT_EQ(action(2), ResultAction::outcome);
  EXPECT_EQ(classify_result(line, {.others_succeeded = false, .account_tries = 2}), ResultAction::outcome)
      << "alone by now; others succeeded beside it before";
}

TEST(ClassifyResult, WordsThatAreOnlyQuotedAreNoAccountFaultWhereOthersSucceeded) {
  const auto meaning = [](std::string message, std::string code, bool others) {
    auto line = made_line(OutcomeType::errored, "invalid_request_error", std::move(message));
    line.error_code = std::move(code);
    return meaning_of_error(line, others);
  };
  constexpr const char* quoting = "tools.0: \"tell me my credit balance and usage limits\" is no name";
  EXPECT_EQ(meaning(quoting, "", true), ErrorMeaning::of_request);
  EXPECT_EQ(meaning(quoting, "", false), ErrorMeaning::of_account);
  EXPECT_EQ(meaning("Your credit balance is too low", "", true), ErrorMeaning::of_account) << "it ran out meanwhile";
  EXPECT_EQ(meaning("no", "workspace_spend_limit_reached", true), ErrorMeaning::of_account);
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
  EXPECT_EQ(after_download(facts, foreign), CollectStep::ask_counts);
  facts.proven = false;
  foreign.unreadable_own = 1;
  EXPECT_EQ(after_download(facts, foreign), CollectStep::ask_counts)
      << "a line with our nonce proves it, readable or not";
  facts.proven = true;
  facts.told = {1, 1, 0, 0};
  EXPECT_EQ(after_download(facts, whole), CollectStep::ask_counts);
  facts.told = {0, 0, 0, 0};
  EXPECT_EQ(after_download(facts, {}), CollectStep::ask_counts) << "nothing is not what was asked for";
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

TEST(CollectDecisions, WhatIsInDoubtIsDownloadedAFewTimesAndWhatIsMissingForADay) {
  ReadTally unreadable;
  unreadable.by_type = {1, 0, 0, 0};
  unreadable.own = 1;
  unreadable.unreadable_own = 1;
  EXPECT_EQ(downloads_needed(2, unreadable), downloads_of_doubt);
  EXPECT_EQ(downloads_needed(3, unreadable), downloads_of_missing) << "a line is missing";
  unreadable.nameless = 1;
  EXPECT_EQ(downloads_needed(3, unreadable), downloads_of_doubt) << "it may be the one without a name";
}

TEST(CollectDecisions, AFileWithoutALineOfOursIsDownloadedForAWeek) {
  ReadTally page;
  EXPECT_EQ(downloads_needed(1, page), downloads_of_nothing) << "an empty one";
  page.lines = page.unreadable = page.nameless = 7;
  EXPECT_EQ(downloads_needed(1, page), downloads_of_nothing) << "a page of something on the way";
  EXPECT_EQ(downloads_needed(9, page), downloads_of_nothing);
  page.foreign = 1;
  EXPECT_EQ(downloads_needed(1, page), downloads_of_nothing) << "the results of another batch";
}

// The provider's counts are its bill.
TEST(CollectDecisions, WhatMayHaveBeenPaidForIsNotSentAgain) {
  // told, lines, requests: succeeded, errored, expired, canceled
  EXPECT_FALSE(may_hide_a_success({1, 1, 0, 0}, {1, 1, 0, 0}, 2));
  EXPECT_TRUE(may_hide_a_success({2, 0, 0, 0}, {1, 1, 0, 0}, 2)) << "which of the two was paid?";
  EXPECT_FALSE(may_hide_a_success({2, 1, 0, 0}, {1, 1, 0, 0}, 3)) << "the one that has no line";
  EXPECT_TRUE(may_hide_a_success({3, 0, 0, 0}, {1, 1, 0, 0}, 3)) << "the one without a line explains one of two";
  EXPECT_TRUE(may_hide_a_success({2, 0, 0, 0}, {1, 1, 0, 0}, 3)) << "the counts do not add up";
  EXPECT_FALSE(may_hide_a_success({0, 0, 0, 0}, {1, 1, 0, 0}, 2)) << "no success is counted that is not seen";
  EXPECT_FALSE(may_hide_a_success({1, 0, 1, 0}, {1, 1, 0, 0}, 2));
  EXPECT_TRUE(doubtful_end({}, 2, {2, 1, 0, 0}).again_in_doubt);
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
