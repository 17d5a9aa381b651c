#include "unit/sim/api.hpp"

namespace offpeak::sim {
namespace {

TEST(SimCreate, AnswersTheRecordedBatchObject) {
  Api api;
  const auto seen = api.create({"one", "two"});
  EXPECT_EQ(seen.status, 200);
  EXPECT_EQ(seen.body,
            "{\"id\":\"" + seen.id() +
                R"(","type":"message_batch","processing_status":"in_progress","request_counts":{"processing":2,)"
                R"("succeeded":0,"errored":0,"canceled":0,"expired":0},"ended_at":null,)"
                R"("created_at":"2026-01-01T00:05:23.250001+00:00","expires_at":"2026-01-02T00:05:23.250001+00:00",)"
                R"("archived_at":null,"cancel_initiated_at":null,"results_url":null})");
  EXPECT_TRUE(seen.id().starts_with("msgbatch_01"));
  EXPECT_EQ(seen.id().size(), 33U);
}

TEST(SimCreate, SendsTheApisHeaders) {
  Api api;
  const auto seen = api.create({"one"});
  EXPECT_EQ(seen.header("content-type"), "application/json");
  EXPECT_TRUE(seen.header("request-id").starts_with("req_01"));
  EXPECT_EQ(seen.header("anthropic-workspace-id"), "wrkspc_01SimulatedWorkspace");
  EXPECT_FALSE(seen.header("anthropic-organization-id").empty());
  EXPECT_EQ(seen.header("date"), "Thu, 01 Jan 2026 00:05:23 GMT");
  EXPECT_EQ(seen.header("retry-after"), "");
}

TEST(SimCreate, RefusesADuplicateCustomId) {
  Api api;
  const auto seen = api.create_body(
      R"({"requests":[{"custom_id":"a","params":{}},{"custom_id":"dup","params":{}},{"custom_id":"dup","params":{}}]})");
  EXPECT_EQ(seen.status, 400);
  EXPECT_EQ(seen.message(), "requests: custom_id's must be unique within a batch. Duplicate custom_id found: dup");
  EXPECT_EQ(seen.member({"error", "type"}), "\"invalid_request_error\"");
  EXPECT_EQ(seen.member({"request_id"}), "\"" + seen.header("request-id") + "\"");
  EXPECT_EQ(api.totals().requests_created, 0U);
}

TEST(SimCreate, RefusesAnEmptyList) {
  Api api;
  EXPECT_EQ(api.create_body(R"({"requests":[]})").message(),
            "requests: List should have at least 1 item after validation, not 0");
}

TEST(SimCreate, RefusesMoreRequestsThanTheLimit) {
  Api api(R"({"max_requests":2})");
  EXPECT_EQ(api.create({"a", "b"}).status, 200);
  EXPECT_EQ(api.create({"a", "b", "c"}).message(),
            "requests: List should have at most 2 items after validation, not 3");
}

TEST(SimCreate, RefusesABodyAboveTheLimitWithCloudflaresPage) {
  Api api(R"({"max_bytes":200})");
  const auto seen = api.create({std::string(300, 'x')});
  EXPECT_EQ(seen.status, 413);
  EXPECT_EQ(seen.header("content-type"), "text/html");
  EXPECT_NE(seen.body.find("<center>cloudflare</center>"), std::string::npos);
  Api plain(R"({"max_bytes":200,"too_large":"api"})");
  EXPECT_EQ(plain.create({std::string(300, 'x')}).member({"error", "type"}), "\"request_too_large\"");
}

TEST(SimCreate, RefusesATooLongContentLengthBeforeTheBody) {
  Api api(R"({"max_bytes":200})");
  const Headers headers{{"x-api-key", "k"}, {"anthropic-version", "2023-06-01"}, {"content-length", "201"}};
  const auto exchange = api.service.begin(Call{"POST", "/v1/messages/batches", headers, ""}, api.now);
  EXPECT_EQ(exchange->body_bytes_wanted(), 0U);
  const auto answer = exchange->finish(api.now);
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(answer.early);
}

TEST(SimCreate, AsksForAKeyAndAVersion) {
  Api api(R"({"api_key":"right"})");
  const std::string path = "/v1/messages/batches";
  const std::pair<std::string, std::string> version{"anthropic-version", "2026-10-21"};
  EXPECT_EQ(api.call_with({version}, "GET", path).status, 401);
  EXPECT_EQ(api.call_with({version}, "GET", path).header("anthropic-workspace-id"), "");
  EXPECT_EQ(api.call_with({version, {"x-api-key", "wrong"}}, "GET", path).message(), "API key is invalid.");
  EXPECT_EQ(api.call_with({version, {"x-api-key", "right"}}, "GET", path).status, 200);
  EXPECT_EQ(api.call_with({version, {"Authorization", "Bearer right"}}, "GET", path).status, 200);
  EXPECT_EQ(api.call_with({{"x-api-key", "right"}}, "GET", path).status, 400);
  EXPECT_EQ(api.call_with({{"x-api-key", "right"}, {"anthropic-version", "1999-01-01"}}, "GET", path).status, 400);
}

TEST(SimCreate, RefusesMoreThanTheQueueHolds) {
  Api api(R"({"queue_limit":3})");
  EXPECT_EQ(api.create({"a", "b"}).status, 200);
  const auto full = api.create({"c", "d"});
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.member({"error", "type"}), "\"rate_limit_error\"");
  api.now += std::chrono::seconds(2);
  EXPECT_EQ(api.create({"c", "d"}).status, 200);
  EXPECT_EQ(api.totals().most_open_requests, 2U);
}

TEST(SimCreate, RefusesACompressedBody) {
  Api api;
  const auto seen =
      api.call_with({{"x-api-key", "k"}, {"anthropic-version", "2023-06-01"}, {"content-encoding", "gzip"}}, "POST",
                    "/v1/messages/batches", "{}");
  EXPECT_EQ(seen.member({"error", "details", "error_code"}), "\"request_body_encoding_unsupported\"");
}

TEST(SimCreate, DroppedBeforeItsEndDoesNothing) {
  Api api;
  const Headers headers{{"x-api-key", "k"}, {"anthropic-version", "2023-06-01"}};
  {
    const auto exchange = api.service.begin(Call{"POST", "/v1/messages/batches", headers, ""}, api.now);
    exchange->take(R"({"requests":[{"custom_id":"r0","params":)" + Api::params("one") + "}]");
  }
  EXPECT_EQ(api.totals().batches, 0U);
  EXPECT_EQ(api.service.content(Api::params("one")).created, 0U);
}

TEST(SimRoute, AnswersWhatIsNoCallOfTheApi) {
  Api api;
  EXPECT_EQ(api.call("GET", "/v1/nothing").status, 404);
  EXPECT_EQ(api.call("GET", "/v1/messages/batchesx").status, 404);
  EXPECT_EQ(api.call("PUT", "/v1/messages/batches").status, 405);
  EXPECT_EQ(api.call("DELETE", "/v1/messages/batches/x/results").status, 405);
  EXPECT_EQ(api.retrieve("msgbatch_none").message(), "Message Batch msgbatch_none not found.");
}

}  // namespace
}  // namespace offpeak::sim
