#include "unit/sim/api.hpp"

namespace offpeak::sim {
namespace {

// The results of one batch of these texts, at its end.
std::string results_of(Api& api, const std::vector<std::string>& texts) {
  const auto id = api.create(texts).id();
  api.now += std::chrono::seconds(2);
  return api.results(id).body;
}

std::string error_of(const std::string& results, std::string_view custom_id) {
  const auto line = Api::line(results, custom_id);
  const auto error = json_path(line, {"result", "error", "error"});
  if (!error) return "(none)";
  return json_decode_string(*json_member(*error, "type")) + ": " + json_decode_string(*json_member(*error, "message"));
}

TEST(SimOutcome, WhatValidationFindsLaterIsAnErroredRowWithTheRecordedText) {
  Api api;
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"model":"m","max_tokens":5})", "invalid_request_error: messages: Field required"},
      {R"({"max_tokens":5,"messages":[{}]})", "invalid_request_error: model: Field required"},
      {R"({"model":"m","messages":[{}]})", "invalid_request_error: max_tokens: Field required"},
      {R"({"model":"m","max_tokens":0,"messages":[{}]})",
       "invalid_request_error: max_tokens: must be greater than or equal to 1"},
      {R"({"model":"m","max_tokens":5,"messages":[{}],"stream":true})",
       "invalid_request_error: \"stream=True\" is not supported in the Message Batches API"},
      {R"({"model":"claude-does-not-exist-9","max_tokens":5,"messages":[{}]})",
       "not_found_error: model: claude-does-not-exist-9"},
      {R"({"model":"claude-haiku-4-5-20251001","max_tokens":100000,"messages":[{}]})",
       "invalid_request_error: max_tokens: 100000 > 64000, which is the maximum allowed number of output "
       "tokens for "
       "claude-haiku-4-5-20251001"},
      {R"({"model":"m","max_tokens":5,"messages":[ ]})",
       "invalid_request_error: messages: at least one message is required"},
  };
  std::string body = R"({"requests":[)";
  for (std::size_t i = 0; i < cases.size(); ++i) {
    body += fmt::format(R"({}{{"custom_id":"r{}","params":{}}})", i > 0 ? "," : "", i, cases[i].first);
  }
  const auto created = api.create_body(body + "]}");
  ASSERT_EQ(created.status, 200);
  api.now += std::chrono::seconds(2);
  const auto results = api.results(created.id()).body;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(error_of(results, fmt::format("r{}", i)), cases[i].second);
  }
  EXPECT_EQ(
      Api::line(results, "r0"),
      R"({"custom_id":"r0","result":{"type":"errored","error":{"type":"error","error":{"details":)"
      R"({"error_visibility":"user_facing"},"type":"invalid_request_error","message":"messages: Field required"},)"
      R"("request_id":null}}})");
}

TEST(SimOutcome, AMarkerCommandsIt) {
  Api api(R"({"outcomes":{"errored:timeout_error":1}})");
  const auto results = results_of(api, {"[[succeeded]]", "[[expired]]", "[[canceled]]", "[[errored:overloaded_error]]",
                                        "[[errored:credit]]", "[[stop:refusal]]", "[[missing]]", "none"});
  EXPECT_EQ(Api::result_type(results, "r0"), "succeeded");
  EXPECT_EQ(Api::line(results, "r1"), R"({"custom_id":"r1","result":{"type":"expired"}})");
  EXPECT_EQ(Api::line(results, "r2"), R"({"custom_id":"r2","result":{"type":"canceled"}})");
  EXPECT_EQ(error_of(results, "r3"), "overloaded_error: Overloaded");
  EXPECT_NE(Api::line(results, "r3").find("\"request_id\":\"workerreq_01"), std::string::npos);
  EXPECT_TRUE(error_of(results, "r4").starts_with("invalid_request_error: Your credit balance is too low"));
  EXPECT_NE(Api::line(results, "r5").find("\"stop_reason\":\"refusal\""), std::string::npos);
  EXPECT_EQ(Api::line(results, "r6"), "");
  EXPECT_EQ(error_of(results, "r7"), "timeout_error: Request timed out");
}

TEST(SimOutcome, AMarkerWithANumberHoldsForTheFirstCreations) {
  Api api;
  const std::string text = "[[expired:2]] [[errored:api_error:1]]";
  EXPECT_EQ(Api::result_type(results_of(api, {text}), "r0"), "expired");
  EXPECT_EQ(Api::result_type(results_of(api, {text}), "r0"), "expired");
  EXPECT_EQ(Api::result_type(results_of(api, {text}), "r0"), "errored");
  const auto last = results_of(api, {text});
  EXPECT_EQ(Api::result_type(last, "r0"), "succeeded");
  EXPECT_NE(last.find(" attempt 4"), std::string::npos);
}

TEST(SimOutcome, AMarkerRefusesTheCreate) {
  Api api;
  const auto named = api.create({"fine", "[[400:1]]"});
  EXPECT_EQ(named.status, 400);
  EXPECT_TRUE(named.message().starts_with("requests.1.")) << named.message();
  EXPECT_EQ(api.create({"fine", "[[400:1]]"}).status, 200) << "refused once, then accepted";
  EXPECT_EQ(api.create({"[[400]]"}).status, 400);
  EXPECT_EQ(api.create({"[[400]]"}).status, 400);
  EXPECT_EQ(api.create({"[[400-unnamed]]"}).message().find("requests."), std::string::npos);
  EXPECT_EQ(api.service.content(Api::params("[[400]]")).refused, 2U);
  EXPECT_EQ(api.totals().requests_created, 2U);
}

TEST(SimOutcome, TextThatIsNoMarkerCommandsNothing) {
  Api api;
  const auto results = results_of(api, {"[[1,2],[3]] [[unknown]] [[ [[expired"});
  EXPECT_EQ(Api::result_type(results, "r0"), "succeeded");
}

TEST(SimOutcome, FollowsTheWeights) {
  Api api(R"({"outcomes":{"succeeded":3,"expired":1},"stop_reasons":{"max_tokens":1}})");
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) texts.push_back(fmt::format("text {}", i));
  const auto id = api.create(texts).id();
  api.now += std::chrono::seconds(2);
  const auto expired = std::stoi(api.retrieve(id).member({"request_counts", "expired"}));
  EXPECT_GT(expired, 70);
  EXPECT_LT(expired, 130);
  EXPECT_EQ(api.results(id).body.find("end_turn"), std::string::npos);
}

TEST(SimOutcome, IsDecidedAnewForEveryCreationOfAContent) {
  Api api(R"({"outcomes":{"succeeded":1,"expired":1}})");
  int succeeded = 0;
  for (int i = 0; i < 40; ++i) succeeded += Api::result_type(results_of(api, {"same"}), "r0") == "succeeded" ? 1 : 0;
  EXPECT_GT(succeeded, 8);
  EXPECT_LT(succeeded, 32);
}

TEST(SimResults, ASucceededRowCarriesTheDigestOfItsParams) {
  Api api;
  const auto results = results_of(api, {"one"});
  const auto line = Api::line(results, "r0");
  const auto message = *json_path(line, {"result", "message"});
  const auto digest = digest128(Api::params("one")).hex();
  EXPECT_NE(message.find("\"text\":\"" + digest + " attempt 1 "), std::string_view::npos);
  EXPECT_EQ(*json_member(message, "model"), "\"claude-haiku-4-5\"");
  EXPECT_EQ(*json_member(message, "stop_reason"), "\"end_turn\"");
  EXPECT_EQ(*json_path(message, {"usage", "service_tier"}), "\"batch\"");
  JsonChecker checker;
  EXPECT_FALSE(checker.check(line));
}

TEST(SimResults, AnswersHaveTheSizeAskedFor) {
  for (const std::size_t bytes : {100U, 3000U, 200'000U}) {
    Api api(fmt::format(R"({{"answer_bytes":{}}})", bytes));
    const auto results = results_of(api, {"one"});
    EXPECT_GT(results.size(), bytes);
    EXPECT_LT(results.size(), bytes + 1000);
    JsonChecker checker;
    EXPECT_FALSE(checker.check(results));
  }
  Api api;
  EXPECT_GT(results_of(api, {"[[bytes:5000]]"}).size(), 5000U);
}

TEST(SimResults, CacheUseIsInTheUsage) {
  Api api;
  const auto created = api.create_body(
      R"({"requests":[{"custom_id":"r0","params":{"model":"m","max_tokens":9,"messages":[{"cache_control":{"ttl":"1h"}}]}}]})");
  api.now += std::chrono::seconds(2);
  const auto line = Api::line(api.results(created.id()).body, "r0");
  const auto usage = *json_path(line, {"result", "message", "usage"});
  const auto read = *json_integer(*json_member(usage, "cache_read_input_tokens"));
  const auto written = *json_integer(*json_path(usage, {"cache_creation", "ephemeral_1h_input_tokens"}));
  EXPECT_GT(read + written, 0);
}

TEST(SimResults, EveryRequestHasOneLineInAnotherOrder) {
  Api api;
  const auto lines = lines_of(results_of(api, std::vector<std::string>(500, "x")));
  ASSERT_EQ(lines.size(), 500U);
  std::vector<std::string> ids;
  for (const auto& line : lines) ids.push_back(json_decode_string(*json_member(line, "custom_id")));
  std::vector<std::string> in_order;
  for (int i = 0; i < 500; ++i) in_order.push_back(fmt::format("r{}", i));
  EXPECT_NE(ids, in_order);
  EXPECT_THAT(ids, testing::UnorderedElementsAreArray(in_order));
}

TEST(SimResults, BlocksAreLarge) {
  Api api;
  const auto id = api.create(std::vector<std::string>(2000, "x")).id();
  api.now += std::chrono::seconds(2);
  auto answer = api.service.handle(Call{"GET",
                                        "/v1/messages/batches/" + id + "/results",
                                        {{"x-api-key", "k"}, {"anthropic-version", "2023-06-01"}},
                                        ""},
                                   api.now);
  EXPECT_EQ(answer.framing, Framing::chunked);
  EXPECT_EQ(find_header(answer.headers, "content-type"), "application/x-jsonl");
  std::size_t small = 0;
  for (auto block = answer.stream->next(); !block.empty(); block = answer.stream->next()) {
    small += block.size() < 65536 ? 1 : 0;
  }
  EXPECT_LE(small, 1U);
}

TEST(SimService, TheSameSeedGivesTheSameBytes) {
  const auto run = [](std::uint64_t seed) {
    Api api(R"({"outcomes":{"succeeded":2,"expired":1,"errored:api_error":1},
                "faults":[{"on":"list","probability":0.5,"do":{"action":"error","status":529}}]})",
            seed);
    std::string all;
    for (int i = 0; i < 10; ++i) {
      const auto created = api.create(std::vector<std::string>(20, fmt::format("text {}", i)));
      api.now += std::chrono::seconds(3);
      all += created.body + api.list().body + api.results(created.id()).body;
    }
    return all;
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace offpeak::sim
