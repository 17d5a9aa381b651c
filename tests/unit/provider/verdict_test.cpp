#include "provider/verdict.hpp"

#include <gmock/gmock.h>

#include <map>

namespace offpeak {

void PrintTo(CreateVerdictKind kind, std::ostream* out) { *out << "kind " << static_cast<int>(kind); }

namespace {

using enum CreateVerdictKind;
using testing::HasSubstr;
using testing::Not;

enum class Body {
  api_error,
  api_names_request,
  api_credit,
  api_spend_limit,
  html,
  empty,
  cut_json,
  other_json,
  batch,
  cut_batch
};

const std::map<Body, std::string> bodies = {
    {Body::api_error, R"({"type":"error","error":{"type":"some_error","message":"no"},"request_id":"req_1"})"},
    {Body::api_names_request,
     R"({"type":"error","error":{"type":"invalid_request_error","message":"requests.17.custom_id: Field required"}})"},
    {Body::api_credit,
     R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too )"
     R"(low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}})"},
    {Body::api_spend_limit, R"({"type":"error","error":{"type":"rate_limit_error","message":"m","details":)"
                            R"({"error_code":"enforced_spend_limit_reached"}}})"},
    {Body::html, "<html><body>Bad gateway</body></html>"},
    {Body::empty, ""},
    {Body::cut_json, R"({"type":"error","error":{"type":"some_err)"},
    {Body::other_json, R"({"message":"no"})"},
    {Body::batch, R"({"id":"msgbatch_1","type":"message_batch","processing_status":"in_progress","request_counts":)"
                  R"({"processing":2,"succeeded":0,"errored":0,"canceled":0,"expired":0},"created_at":)"
                  R"("2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z"})"},
    {Body::cut_batch, R"({"id":"msgbatch_1","type":"message_batch","processing_st)"},
};

bool in_api_shape(Body body) {
  return body == Body::api_error || body == Body::api_names_request || body == Body::api_credit ||
         body == Body::api_spend_limit;
}

CreateVerdict verdict(int status, const std::string& body, bool last_byte_left, bool complete = true) {
  CreateAnswer answer;
  answer.last_byte_left = last_byte_left;
  answer.answer.emplace();
  answer.answer->status = status;
  answer.answer->body = body;
  answer.answer->body_complete = complete;
  if (!complete) answer.failure = "the connection was closed";
  return verdict_on_create(answer);
}

// What a proven no means, told a second time, as a table by status.
CreateVerdictKind expected_no(int status, Body body) {
  if (status == 413) return too_large;
  const bool limits = body == Body::api_credit || body == Body::api_spend_limit;
  if (status == 429) return limits ? account_fault : throttled;
  if (status >= 500) return throttled;
  if (status == 400 && body == Body::api_names_request) return request_at_fault;
  if (status == 400 && body == Body::api_error) return batch_at_fault;
  return account_fault;
}

CreateVerdictKind expected(int status, Body body, bool last_byte_left, bool complete) {
  if (!last_byte_left) return expected_no(status, body);
  if (status == 200) return body == Body::batch || body == Body::cut_batch ? created : unknown;
  if (status == 413) return too_large;
  const bool proven = status >= 400 && status < 500 && status != 408 && status != 409 && in_api_shape(body) && complete;
  return proven ? expected_no(status, body) : unknown;
}

TEST(Verdict, EveryStatusWithEveryBodyBeforeAndAfterTheLastByte) {
  int rows = 0;
  for (int status = 100; status <= 599; ++status) {
    for (const auto& [body, text] : bodies) {
      for (const bool left : {false, true}) {
        for (const bool complete : {false, true}) {
          const auto got = verdict(status, text, left, complete);
          ASSERT_EQ(got.kind, expected(status, body, left, complete))
              << status << " body " << static_cast<int>(body) << " left " << left << " complete " << complete;
          ASSERT_EQ(got.batch.has_value(), got.kind == created);
          ASSERT_EQ(got.request_index.has_value(), got.kind == request_at_fault);
          ASSERT_EQ(got.error_document.empty(), !in_api_shape(body));
          ASSERT_EQ(got.message.empty(), got.kind == created);
          ++rows;
        }
      }
    }
  }
  EXPECT_EQ(rows, 500 * 10 * 4);
}

TEST(Verdict, AfterTheLastByteOnlyA200WithAnIdCreatesAndOnlyA4xxOfTheApiDenies) {
  // The rule once more in its own words, over everything: what costs money if it is wrong.
  for (int status = 100; status <= 599; ++status) {
    for (const auto& [body, text] : bodies) {
      const auto kind = verdict(status, text, true).kind;
      if (kind == created) EXPECT_EQ(status, 200);
      if (kind != created && kind != unknown && kind != too_large) {
        EXPECT_TRUE(status >= 400 && status <= 499 && in_api_shape(body)) << status;
      }
      EXPECT_NE(kind, not_sent);
    }
  }
}

TEST(Verdict, WithoutAnAnswerTheLastByteDecides) {
  CreateAnswer answer;
  answer.failure = "https://api.anthropic.com: cannot connect";
  EXPECT_EQ(verdict_on_create(answer).kind, not_sent);
  EXPECT_THAT(verdict_on_create(answer).message, HasSubstr("cannot connect: nothing was created"));
  answer.source_failed = true;
  EXPECT_EQ(verdict_on_create(answer).kind, not_sent);
  answer.last_byte_left = true;
  EXPECT_EQ(verdict_on_create(answer).kind, unknown);
  EXPECT_THAT(verdict_on_create(answer).message, HasSubstr("is not known"));
}

TEST(Verdict, AnEndWithoutAReasonIsSaidToBeOne) {
  CreateAnswer answer;
  answer.last_byte_left = true;
  EXPECT_EQ(verdict_on_create(answer).kind, unknown);
  EXPECT_THAT(verdict_on_create(answer).message, HasSubstr("no answer"));
}

TEST(Verdict, ACreatedBatchIsReadWhole) {
  const auto got = verdict(200, bodies.at(Body::batch), true);
  ASSERT_TRUE(got.batch);
  EXPECT_EQ(got.batch->id, "msgbatch_1");
  EXPECT_EQ(got.batch->counts.processing, 2);
  EXPECT_EQ(to_rfc3339(got.batch->created_at), "2026-01-01T00:00:00Z");
}

TEST(Verdict, TheIdCountsWhateverElseIsOdd) {
  for (const char* body :
       {R"({"id":"msgbatch_1","type":"message_batch"})",
        R"({"id":"msgbatch_1","type":"message_batch","request_counts":{"processing":-5}})",
        R"({"type":"message_batch","id":"msgbatch_1","processing_status":"paused"})",
        R"({"id":"msgbatch_1","type":"message_batch","created_at":"yesterday"})",
        R"({"id":"msgbatch_1","type":"message_batch",)", R"({"id":"msgbatch_1","type":"message_batch"}trailing)"}) {
    const auto got = verdict(200, body, true);
    EXPECT_EQ(got.kind, created) << body;
    EXPECT_EQ(got.batch->id, "msgbatch_1");
  }
}

TEST(Verdict, A200CutAtAnyByteIsUnknownOrCreatedAndNothingElse) {
  const auto& whole = bodies.at(Body::batch);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const auto got = verdict(200, whole.substr(0, cut), true, false);
    const bool said = cut >= std::string(R"({"id":"msgbatch_1","type":"message_batch")").size();
    EXPECT_EQ(got.kind, said ? created : unknown) << cut;
  }
}

TEST(Verdict, AnIdOfWhatIsNotSaidToBeABatchIsOnlyAHint) {
  auto untyped = bodies.at(Body::batch);
  untyped.erase(untyped.find(R"("type":"message_batch",)"), std::string(R"("type":"message_batch",)").size());
  for (const auto& body : {untyped, std::string(R"({"id":"req_0123456789","status":"queued"})"),
                           std::string(R"({"id":"msgbatch_1"})"), std::string(R"({"id":"msgbatch_1","type":null})"),
                           std::string(R"({"id":"msgbatch_1","x":{"type":"message_batch"}})")}) {
    const auto got = verdict(200, body, true);
    EXPECT_EQ(got.kind, unknown) << body;
    EXPECT_THAT(got.message, HasSubstr("HTTP 200"));
  }
}

TEST(Verdict, AnIdThatIsNoIdIsUnknown) {
  for (const char* body :
       {R"({"id":"../../etc"})", R"({"id":""})", R"({"id":5})", R"({"type":"message","id":"msg_1"})"}) {
    EXPECT_EQ(verdict(200, body, true).kind, unknown) << body;
  }
}

TEST(Verdict, NamesTheRequest) {
  const auto got = verdict(400, bodies.at(Body::api_names_request), true);
  EXPECT_EQ(got.request_index, 17U);
  EXPECT_EQ(got.error_type, "invalid_request_error");
  EXPECT_EQ(got.error_document, bodies.at(Body::api_names_request));
}

TEST(Verdict, DuplicatesNameNobody) {
  const auto got = verdict(
      400,
      R"({"type":"error","error":{"type":"invalid_request_error","message":"requests: custom_id's must be unique )"
      R"(within a batch. Duplicate custom_id found: credit balance"}})",
      true);
  EXPECT_EQ(got.kind, batch_at_fault);
}

TEST(Verdict, KeepsTheWaitAndNeverShowsControlCharacters) {
  CreateAnswer answer;
  answer.last_byte_left = true;
  answer.answer.emplace();
  answer.answer->status = 429;
  answer.answer->retry_after = Duration(7000);
  answer.answer->body = "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"\\u001b[31mred" +
                        std::string(5000, 'x') + "\"}}";
  const auto got = verdict_on_create(answer);
  EXPECT_EQ(got.kind, throttled);
  EXPECT_EQ(got.retry_after, Duration(7000));
  EXPECT_THAT(got.message, Not(HasSubstr("\x1b")));
  EXPECT_LT(got.message.size(), 600U);
}

TEST(Verdict, KnowsTheRecordedTextsOfAccountLimits) {
  struct Row {
    const char *type, *message, *code;
    bool limits;
  };
  for (const Row& row : {
           Row{"invalid_request_error",
               "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to "
               "upgrade or "
               "purchase credits.",
               "", true},
           Row{"invalid_request_error",
               "You have reached your specified API usage limits. You will regain access on 2026-10-01 at "
               "00:00 UTC.",
               "", true},
           Row{"invalid_request_error", "You have reached your specified workspace API usage limits.", "", true},
           Row{"billing_error", "anything", "", true},
           Row{"rate_limit_error", "m", "enforced_spend_limit_reached", true},
           Row{"rate_limit_error", "m", "contract_spend_limit_reached", true},
           Row{"rate_limit_error", "m", "some_new_spend_limit_reached", true},
           Row{"invalid_request_error", "m", "organization_on_hold", true},
           Row{"invalid_request_error", "m", "cmek_key_disabled", true},
           Row{"invalid_request_error", "This organization has been disabled.", "", true},
           Row{"rate_limit_error", "This request would exceed your organization's rate limit", "ramp_limit_exceeded",
               false},
           Row{"invalid_request_error", "requests.3.custom_id: purchase credits", "", false},
           Row{"invalid_request_error", "billing_policy.bill_to: Extra inputs are not permitted", "", false},
           Row{"invalid_request_error", "max_tokens: 100000 > 64000", "", false},
           Row{"invalid_request_error", "", "", false},
           Row{"not_found_error", "model: claude-does-not-exist-9", "", false},
       }) {
    EXPECT_EQ(speaks_of_account_limits(row.type, row.message, row.code), row.limits) << row.message << row.code;
  }
}

}  // namespace
}  // namespace offpeak
