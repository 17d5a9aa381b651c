#include "provider/wire.hpp"

#include <gtest/gtest.h>

namespace offpeak {
namespace {

// Recorded on 2026-01-01 (chatlas, tests/_vcr).
const std::string recorded =
    R"({"id":"msgbatch_01UdG5AjbCDxdmiyZTybPbWT","type":"message_batch","processing_status":"in_progress",)"
    R"("request_counts":{"processing":2,"succeeded":0,"errored":0,"canceled":0,"expired":0},"ended_at":null,)"
    R"("created_at":"2026-01-01T00:05:23.250396+00:00","expires_at":"2026-01-02T00:05:23.250396+00:00",)"
    R"("archived_at":null,"cancel_initiated_at":null,"results_url":null})";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(Wire, ReadsARecordedBatch) {
  const auto batch = parse_batch(recorded);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->id, "msgbatch_01UdG5AjbCDxdmiyZTybPbWT");
  EXPECT_EQ(batch->status, ProcessingStatus::in_progress);
  EXPECT_EQ(batch->counts.total(), 2);
  EXPECT_EQ(to_rfc3339(batch->created_at), "2026-01-01T00:05:23.250Z");
  EXPECT_EQ(batch->expires_at - batch->created_at, std::chrono::hours(24));
  EXPECT_FALSE(batch->ended_at || batch->archived_at || batch->cancel_initiated_at);
}

TEST(Wire, ReadsTheDocumentedBatchWithoutArchivedAt) {
  const auto batch = parse_batch(
      R"({"id":"msgbatch_1","type":"message_batch","processing_status":"ended","request_counts":{"processing":0,)"
      R"("succeeded":1,"errored":2,"canceled":3,"expired":4,"held":5},"ended_at":"2026-01-01T01:00:00Z",)"
      R"("created_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z","cancel_initiated_at":)"
      R"("2026-01-01T00:30:00Z","results_url":"https://elsewhere.example/","new":{"deep":[[[[{}]]]]}})");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->status, ProcessingStatus::ended);
  EXPECT_EQ(batch->counts, (ProviderCounts{0, 1, 2, 3, 4}));
  EXPECT_EQ(to_rfc3339(*batch->ended_at), "2026-01-01T01:00:00Z");
  EXPECT_EQ(to_rfc3339(*batch->cancel_initiated_at), "2026-01-01T00:30:00Z");
}

TEST(Wire, ABatchWithoutExpiryExpiresAfterADay) {
  const auto batch = parse_batch(replaced(recorded, R"("expires_at":"2026-01-02T00:05:23.250396+00:00",)", ""));
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->expires_at - batch->created_at, std::chrono::hours(24));
}

TEST(Wire, RefusesWhatWouldBeAGuess) {
  const std::string id = R"("msgbatch_01UdG5AjbCDxdmiyZTybPbWT")";
  for (const auto& text : {
           std::string(),
           std::string("{"),
           std::string("null"),
           std::string("[]"),
           std::string("{}"),
           recorded + "x",
           recorded.substr(0, recorded.size() - 1),
           replaced(recorded, R"("id":)", R"("ID":)"),
           replaced(recorded, id, "null"),
           replaced(recorded, id, "7"),
           replaced(recorded, id, R"("")"),
           replaced(recorded, id, R"("a/b")"),
           replaced(recorded, id, R"("../x")"),
           replaced(recorded, id, R"("a?b")"),
           replaced(recorded, id, R"("a b")"),
           replaced(recorded, id, R"("a\u0000")"),
           replaced(recorded, id, R"("a\n")"),
           replaced(recorded, id, "\"" + std::string(201, 'a') + "\""),
           replaced(recorded, "in_progress", "paused"),
           replaced(recorded, R"("in_progress")", "null"),
           replaced(recorded, R"("message_batch")", R"("message")"),
           replaced(recorded, R"("processing":2)", R"("processing":-1)"),
           replaced(recorded, R"("processing":2)", R"("processing":2.5)"),
           replaced(recorded, R"("processing":2)", R"("processing":"2")"),
           replaced(recorded, R"("processing":2)", R"("processing":null)"),
           replaced(recorded, R"("processing":2)", R"("processing":1000000001)"),
           replaced(recorded, R"("processing":2)", R"("processing":18446744073709551615)"),
           replaced(recorded, R"("processing":2,)", ""),
           replaced(recorded, R"("request_counts":)", R"("counts":)"),
           replaced(recorded, R"("created_at":"2026-01-01T)", R"("created_at":"yesterday)"),
           replaced(recorded, R"("created_at":)", R"("made_at":)"),
           replaced(recorded, R"("ended_at":null)", R"("ended_at":"soon")"),
           replaced(recorded, R"("archived_at":null)", R"("archived_at":true)"),
       }) {
    EXPECT_FALSE(parse_batch(text)) << text;
  }
  EXPECT_TRUE(parse_batch(replaced(recorded, id, "\"" + std::string(200, 'a') + "\"")));
}

std::string page(const std::string& data, const std::string& rest) { return R"({"data":[)" + data + "]," + rest + "}"; }

TEST(Wire, ReadsAPage) {
  const auto second = replaced(recorded, "msgbatch_01UdG5AjbCDxdmiyZTybPbWT", "msgbatch_2");
  const auto list = parse_list_page(page(recorded + "," + second, R"("has_more":true,"first_id":"a","last_id":"b")"));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->batches.size(), 2U);
  EXPECT_EQ(list->batches[1].id, "msgbatch_2");
  EXPECT_TRUE(list->has_more);
  EXPECT_EQ(list->first_id, "a");
  EXPECT_EQ(list->last_id, "b");
}

TEST(Wire, AnEmptyPageHasNoCursors) {
  const auto list = parse_list_page(page("", R"("has_more":false,"first_id":null,"last_id":null)"));
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->batches.empty());
  EXPECT_FALSE(list->has_more || list->first_id || list->last_id);
}

TEST(Wire, MissingCursorsAreTheIdsAtTheEnds) {
  const auto second = replaced(recorded, "msgbatch_01UdG5AjbCDxdmiyZTybPbWT", "msgbatch_2");
  const auto list = parse_list_page(page(recorded + "," + second, R"("has_more":true)"));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->first_id, "msgbatch_01UdG5AjbCDxdmiyZTybPbWT");
  EXPECT_EQ(list->last_id, "msgbatch_2");
}

TEST(Wire, APageThatDoesNotSayWhatItHoldsOrWhetherItEndsIsUnreadable) {
  const std::string end = R"("has_more":false)";
  for (const auto& text :
       {page(recorded, R"("has_more":null)"), page(recorded, R"("x":1)"), page(recorded, R"("has_more":"no")"),
        std::string(R"({"has_more":false})"), std::string(R"({"data":{},"has_more":false})"),
        std::string(R"({"data":null,"has_more":false})"), page(recorded, end).substr(0, 300), std::string("[]")}) {
    EXPECT_FALSE(parse_list_page(text)) << text;
  }
}

TEST(Wire, ACursorThatIsNoIdIsNoCursor) {
  for (const auto* cursor : {R"("a/b")", "7", R"("")", "{}"}) {
    const auto list = parse_list_page(page(recorded, R"("has_more":true,"last_id":)" + std::string(cursor)));
    ASSERT_TRUE(list) << cursor;
    EXPECT_FALSE(list->last_id) << cursor;
  }
}

// The odd entry stands between two good ones.
ListPage with_entry(const std::string& entry) {
  const auto last = replaced(recorded, "msgbatch_01UdG5AjbCDxdmiyZTybPbWT", "msgbatch_2");
  const auto list = parse_list_page(page(recorded + "," + entry + "," + last, R"("has_more":false)"));
  EXPECT_TRUE(list) << entry;
  return list ? *list : ListPage();
}

TEST(Wire, AnOddEntrySpoilsNothingButItself) {
  const auto good = *parse_batch(recorded);
  struct Case {
    const char* what;
    const char* with;
    bool status, counts, created;  // known
  };
  for (const auto& [what, with, status, counts, created] : std::vector<Case>{
           {R"("in_progress")", R"("finalizing")", false, true, true},
           {R"("in_progress")", "null", false, true, true},
           {R"({"processing":2,"succeeded":0,"errored":0,"canceled":0,"expired":0})", "null", true, false, true},
           {R"("request_counts":)", R"("counts":)", true, false, true},
           {R"("processing":2)", R"("processing":"2")", true, false, true},
           {R"("processing":2)", R"("processing":-1)", true, false, true},
           {R"("processing":2,)", "", true, false, true},
           {R"("created_at":)", R"("made_at":)", true, true, false},
           {R"("created_at":"2026-01-01T)", R"("created_at":"yesterday)", true, true, false},
           {R"("message_batch")", R"("message")", false, false, false},
           {R"("expires_at":)", R"("ends_at":)", true, true, true},
           {R"("ended_at":null)", R"("ended_at":"soon")", true, true, true},
       }) {
    const auto list = with_entry(replaced(recorded, what, with));
    ASSERT_EQ(list.batches.size(), 3U) << with;
    EXPECT_EQ(list.unreadable_entries, 0U);
    EXPECT_EQ(list.batches[0], good);
    const auto& odd = list.batches[1];
    EXPECT_EQ(odd.id, good.id);
    EXPECT_EQ(odd.status != ProcessingStatus::unknown, status) << with;
    EXPECT_EQ(odd.counts_known, counts) << with;
    EXPECT_EQ(odd.counts.total(), counts ? 2 : 0) << with;
    EXPECT_EQ(odd.created_at_known, created) << with;
    EXPECT_EQ(list.batches[2].id, "msgbatch_2");
    EXPECT_TRUE(list.batches[2].counts_known && list.batches[2].created_at_known);
  }
}

TEST(Wire, AnEntryWithoutAnIdIsCounted) {
  for (const auto& entry : {std::string("{}"), std::string("null"), std::string("7"), std::string("[]"),
                            replaced(recorded, R"("id":)", R"("ID":)"),
                            replaced(recorded, R"("msgbatch_01UdG5AjbCDxdmiyZTybPbWT")", R"("a/b")")}) {
    const auto list = with_entry(entry);
    EXPECT_EQ(list.unreadable_entries, 1U) << entry;
    EXPECT_EQ(list.batches.size(), 2U) << entry;
  }
}

TEST(Wire, ReadsErrors) {
  const auto error = parse_api_error(
      R"({"type":"error","error":{"type":"rate_limit_error","message":"slow","details":{"error_code":"x_y"}},)"
      R"("request_id":"req_1"})");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->type, "rate_limit_error");
  EXPECT_EQ(error->message, "slow");
  EXPECT_EQ(error->error_code, "x_y");
  EXPECT_EQ(error->request_id, "req_1");
  const auto bare = parse_api_error(R"({"type":"error","error":{"type":"new_error","details":null}})");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->type, "new_error");
  EXPECT_EQ(bare->message + bare->error_code + bare->request_id, "");
}

TEST(Wire, OnlyTheApisShapeIsAnError) {
  for (const char* text :
       {"", "{}", "null", "\"error\"", R"({"type":"error"})", R"({"error":{"type":"a","message":"b"}})",
        R"({"type":"err","error":{"type":"a"}})", R"({"type":"error","error":{"type":""}})",
        R"({"type":"error","error":{"type":7}})", R"({"type":"error","error":"a"})", R"({"type":"error","error":[]})",
        R"({"type":"error","error":{"message":"a"}})", R"({"type":"error","error":{"type":"a"})", "<html></html>"}) {
    EXPECT_FALSE(parse_api_error(text)) << text;
  }
}

TEST(Wire, SalvagesAnIdFromWhatIsLeft) {
  for (std::size_t cut = 0; cut <= recorded.size(); ++cut) {
    const auto id = salvage_batch_id(std::string_view(recorded).substr(0, cut));
    // Complete with its closing quote.
    const bool complete =
        cut >= std::string_view(R"({"id":"msgbatch_01UdG5AjbCDxdmiyZTybPbWT","type":"message_batch")").size();
    EXPECT_EQ(id.has_value(), complete) << cut;
    if (id) EXPECT_EQ(*id, "msgbatch_01UdG5AjbCDxdmiyZTybPbWT");
  }
  EXPECT_EQ(salvage_batch_id(R"({"id":"a","type":"message_batch","request_counts":garbage)"), "a");
  EXPECT_EQ(salvage_batch_id(R"({"type":"message_batch","x":{"id":"b"},"y":[{"id":"c"}],"id":"a")"), "a");
  EXPECT_EQ(salvage_batch_id(R"({"id":"a","id":"b","type":"message_batch"})"), "a");
}

TEST(Wire, SalvagesNothingThatIsNoBatchsId) {
  for (const char* text :
       {R"({"id":"a"})", R"({"id":"a","type":"message_batc)", R"({"id":"a","type":7})",
        R"({"id":"a","x":{"type":"message_batch"}})", R"({"id":"a)", R"({"id":7})", R"({"id":null})", R"({"id":"a/b"})",
        R"({"x":{"id":"b"}})", R"([{"id":"b"}])", R"([["id","b"]])", R"({"type":"message","id":"msg_1"})",
        R"({"id":"msg_1","type":"message"})", R"("id")", "id:a", R"({"type":"error","error":{"id":"x"}})",
        R"({"error":{"type":"a"},"x":"id"})", R"({"x":["id","b"]})"}) {
    EXPECT_FALSE(salvage_batch_id(text)) << text;
  }
}

TEST(Wire, ReadsWhichRequestIsNamed) {
  EXPECT_EQ(named_request("requests.0.custom_id: Field required"), 0U);
  EXPECT_EQ(named_request("requests.17.params.messages: at least one"), 17U);
  EXPECT_EQ(named_request("requests.99999: bad"), 99999U);
  EXPECT_EQ(named_request("requests.17"), 17U);
  for (const char* message :
       {"", "requests", "requests.", "requests: List should have at least 1 item after validation, not 0",
        "requests: custom_id's must be unique within a batch. Duplicate custom_id found: dup", "requests.x.custom_id",
        "requests.-1.custom_id", "requests.17th", "requests.99999999999.custom_id", "see requests.3.custom_id",
        "The request body is not valid JSON: requests.3."}) {
    EXPECT_FALSE(named_request(message)) << message;
  }
}

}  // namespace
}  // namespace offpeak
