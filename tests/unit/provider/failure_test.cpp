#include "provider/failure.hpp"

#include <gmock/gmock.h>

namespace offpeak {
namespace {

using enum CallFailureKind;
using testing::HasSubstr;

http::Response response(int status, std::string body = "") {
  http::Response out;
  out.status = status;
  out.body = std::move(body);
  return out;
}

std::string error(const std::string& type, const std::string& message, const std::string& code = "") {
  return R"({"type":"error","error":{"type":")" + type + R"(","message":")" + message +
         R"(","details":{"error_code":")" + code + R"("}}})";
}

TEST(CallFailure, EveryStatusHasAKind) {
  for (int status = 100; status <= 599; ++status) {
    if (status >= 200 && status <= 299) continue;
    CallFailureKind expected = refused;
    if (status < 200 || status == 408) expected = unreachable;
    if (status >= 401 && status <= 403) expected = account;
    if (status == 404) expected = not_found;
    if (status == 429 || status >= 500) expected = throttled;
    for (const auto& body : {std::string(), std::string("<html>"), error("some_error", "no")}) {
      const auto failure = failure_of_answer("list", response(status, body), Duration(5));
      EXPECT_EQ(failure.kind, expected) << status;
      EXPECT_EQ(failure.http_status, status);
      EXPECT_EQ(failure.retry_after, Duration(5));
      EXPECT_THAT(failure.message, HasSubstr("list: HTTP " + std::to_string(status)));
    }
  }
}

TEST(CallFailure, LimitsAreTheAccounts) {
  const auto credit = error("invalid_request_error", "Your credit balance is too low");
  const auto spend = error("rate_limit_error", "m", "enforced_spend_limit_reached");
  EXPECT_EQ(failure_of_answer("x", response(400, credit), {}).kind, account);
  EXPECT_EQ(failure_of_answer("x", response(429, spend), {}).kind, account);
  EXPECT_EQ(failure_of_answer("x", response(400, error("invalid_request_error", "no")), {}).kind, refused);
  EXPECT_EQ(failure_of_answer("x", response(500, credit), {}).kind, throttled);
  EXPECT_EQ(failure_of_answer("x", response(404, credit), {}).kind, not_found);
}

TEST(CallFailure, SaysWhatToDo) {
  EXPECT_THAT(failure_of_answer("x", response(401), {}).message, HasSubstr("check the API key"));
  EXPECT_THAT(failure_of_answer("x", response(302), {}).message, HasSubstr("redirects are not followed"));
  EXPECT_THAT(failure_of_answer("x", response(405), {}).message, HasSubstr("check base_url"));
}

TEST(CallFailure, BrokenConnectionsAreUnreachable) {
  http::HttpFailure failure;
  failure.message = "https://x: cannot connect";
  EXPECT_EQ(failure_of_transport("list", failure, {}).kind, unreachable);
  EXPECT_EQ(failure_of_transport("list", failure, {}).http_status, 0);
  EXPECT_EQ(failure_of_transport("list", failure, {}).message, "list: https://x: cannot connect");
  failure.partial = response(200);
  EXPECT_EQ(failure_of_transport("list", failure, {}).kind, unreachable);
  EXPECT_EQ(failure_of_transport("list", failure, {}).http_status, 200);
}

TEST(CallFailure, TheHeaderOfACutAnswerCounts) {
  http::HttpFailure failure;
  failure.message = "https://x: cut";
  failure.partial = response(429);
  const auto throttle = failure_of_transport("list", failure, Duration(7000));
  EXPECT_EQ(throttle.kind, throttled);
  EXPECT_EQ(throttle.retry_after, Duration(7000));
  failure.partial = response(401);
  EXPECT_EQ(failure_of_transport("list", failure, {}).kind, account);
}

TEST(CallFailure, OurOwnSinkIsNobodysFault) {
  http::HttpFailure failure;
  failure.message = "the disk is full";
  failure.stopped_by_caller = true;
  failure.partial = response(200);
  EXPECT_EQ(failure_of_transport("results", failure, {}).kind, stopped);
}

TEST(CallFailure, ForeignBytesAreEscapedAndCut) {
  const auto text = describe_answer(502, "\x1b[31m" + std::string(5000, 'x'));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 300U);
  EXPECT_THAT(describe_answer(400, error("a", "b", "c")), HasSubstr("HTTP 400 a: b (c)"));
  EXPECT_EQ(describe_answer(500, ""), "HTTP 500 with an empty body");
}

}  // namespace
}  // namespace offpeak
