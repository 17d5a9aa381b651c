#include "model/limits.hpp"
#include "model/params.hpp"
#include "unit/sim/api.hpp"

namespace offpeak::sim {
namespace {

using std::chrono::seconds;

// An API with one rule.
Api with(std::string_view on, std::string_view action) {
  return Api(fmt::format(R"({{"faults":[{{"on":"{}","nth":1,"do":{}}}]}})", on, action));
}

TEST(SimFault, AnErrorInsteadCreatesNothing) {
  auto api = with("create", R"({"action":"error","status":529})");
  const auto seen = api.create({"one"});
  EXPECT_EQ(seen.status, 529);
  EXPECT_EQ(seen.member({"error", "type"}), "\"overloaded_error\"");
  EXPECT_EQ(seen.message(), "Overloaded");
  EXPECT_FALSE(seen.answer.early);
  EXPECT_EQ(api.totals().batches, 0U);
  EXPECT_EQ(api.create({"one"}).status, 200) << "the rule names only the first call";
}

TEST(SimFault, AnErrorAfterwardsComesAfterCreating) {
  auto api = with("create", R"({"action":"error","status":502,"when":"after","shape":"html"})");
  const auto seen = api.create({"one"});
  EXPECT_EQ(seen.status, 502);
  EXPECT_EQ(seen.header("content-type"), "text/html");
  EXPECT_NE(seen.body.find("502 Bad Gateway"), std::string::npos);
  EXPECT_EQ(api.totals().batches, 1U);
}

TEST(SimFault, AnEarlyErrorComesBeforeTheBody) {
  auto api = with("create", R"({"action":"error","status":429,"when":"early","retry_after":"7"})");
  const auto exchange = api.service.begin(
      Call{"POST", "/v1/messages/batches", {{"x-api-key", "k"}, {"anthropic-version", "2023-06-01"}}, ""}, api.now);
  EXPECT_EQ(exchange->body_bytes_wanted(), 0U);
  const auto answer = exchange->finish(api.now);
  EXPECT_EQ(answer.status, 429);
  EXPECT_TRUE(answer.early);
  EXPECT_EQ(find_header(answer.headers, "retry-after"), "7");
}

TEST(SimFault, AnErrorCanCarryACodeATypeAndAMessage) {
  auto api = with("create", R"({"action":"error","status":429,"error_code":"enforced_spend_limit_reached",
                               "type":"odd_error","message":"No \"more\"","should_retry":"true"})");
  const auto seen = api.create({"one"});
  EXPECT_EQ(seen.member({"error", "details"}), R"({"error_code":"enforced_spend_limit_reached"})");
  EXPECT_EQ(seen.member({"error", "type"}), "\"odd_error\"");
  EXPECT_EQ(seen.message(), "No \"more\"");
  EXPECT_EQ(seen.header("x-should-retry"), "true");
  auto credit = with("create", R"({"action":"error","status":400,"type":"credit"})");
  const auto refused = credit.create({"one"});
  EXPECT_EQ(refused.member({"error", "type"}), "\"invalid_request_error\"");
  EXPECT_TRUE(refused.message().starts_with("Your credit balance is too low"));
}

TEST(SimFault, AnErrorCanHaveAnotherShape) {
  for (const std::string shape : {"text", "json", "empty"}) {
    auto api = with("create", fmt::format(R"({{"action":"error","status":429,"shape":"{}"}})", shape));
    const auto seen = api.create({"one"});
    EXPECT_EQ(seen.status, 429);
    EXPECT_EQ(seen.body.find("\"type\":\"error\""), std::string::npos) << seen.body;
    EXPECT_EQ(seen.body.empty(), shape == "empty");
  }
}

TEST(SimFault, ANotFoundSpeaksOfTheBatch) {
  Api api(R"({"faults":[{"on":"retrieve","do":{"action":"error","status":404}},
                        {"on":"results","do":{"action":"error","status":404}}]})");
  const auto id = api.create({"one"}).id();
  api.now += seconds(2);
  EXPECT_EQ(api.retrieve(id).message(), "Message Batch " + id + " not found.");
  EXPECT_EQ(api.results(id).message(), "Message Batch " + id + " has no available results.");
}

TEST(SimFault, ARedirectPointsElsewhere) {
  auto api = with("create", R"({"action":"redirect","to":"http://127.0.0.1:9/x","status":308})");
  const auto seen = api.create({"one"});
  EXPECT_EQ(seen.status, 308);
  EXPECT_EQ(seen.header("location"), "http://127.0.0.1:9/x");
  EXPECT_EQ(api.totals().batches, 0U);
}

TEST(SimFault, AnAnswerIsLostAfterOrBeforeCreating) {
  auto after = with("create", "\"lose_answer\"");
  EXPECT_EQ(after.create({"one"}).answer.delivery, Delivery::close);
  EXPECT_EQ(after.totals().batches, 1U);
  auto before = with("create", R"({"action":"lose_answer","when":"instead","how":"reset"})");
  EXPECT_EQ(before.create({"one"}).answer.delivery, Delivery::reset);
  EXPECT_EQ(before.totals().batches, 0U);
}

TEST(SimFault, TheConnectionEndsInsideTheBody) {
  auto api = with("create", R"({"action":"reset","after_body_bytes":30})");
  const auto exchange = api.service.begin(
      Call{"POST", "/v1/messages/batches", {{"x-api-key", "k"}, {"anthropic-version", "2023-06-01"}}, ""}, api.now);
  EXPECT_EQ(exchange->body_bytes_wanted(), 30U);
  EXPECT_EQ(exchange->finish(api.now).delivery, Delivery::reset);
  auto closing = with("any", "\"close\"");
  EXPECT_EQ(closing.create({"one"}).answer.delivery, Delivery::close);
  EXPECT_EQ(closing.totals().batches, 0U);
}

TEST(SimFault, HangsWithOrWithoutCreating) {
  auto after = with("create", "\"hang\"");
  EXPECT_EQ(after.create({"one"}).answer.delivery, Delivery::hang);
  EXPECT_EQ(after.totals().batches, 1U);
  auto early = with("create", R"({"action":"hang","when":"early"})");
  EXPECT_EQ(early.create({"one"}).answer.delivery, Delivery::hang);
  EXPECT_EQ(early.totals().batches, 0U);
}

TEST(SimFault, DelaysAddUp) {
  Api api(
      R"({"faults":[{"on":"list","do":{"action":"delay","for":"2s"}},{"on":"any","do":{"action":"delay","for":"1s"}},
                        {"on":"list","do":{"action":"delay","for":"5s","when":"early"}}]})");
  EXPECT_EQ(api.list().answer.delay, Duration(3000));
  const auto exchange = api.service.begin(Call{"GET", "/v1/messages/batches", {}, ""}, api.now);
  EXPECT_EQ(exchange->delay_before_body(), Duration(5000));
}

TEST(SimFault, TheBodyTrickles) {
  auto api = with("list", R"({"action":"slow","bytes":10,"pause":"50ms"})");
  const auto seen = api.list();
  EXPECT_EQ(seen.answer.trickle_bytes, 10U);
  EXPECT_EQ(seen.answer.trickle_pause, Duration(50));
}

TEST(SimFault, TheTransferIsCut) {
  auto half = with("list", R"({"action":"cut","fraction":0.5,"reset":true})");
  const auto seen = half.list();
  EXPECT_EQ(seen.answer.cut_after_bytes, seen.body.size() / 2);
  EXPECT_TRUE(seen.answer.cut_by_reset);
  Api api(R"({"faults":[{"on":"results","nth":1,"do":{"action":"cut","bytes":100}},
                        {"on":"results","nth":2,"do":{"action":"cut","fraction":0.25}}]})");
  const auto id = api.create(std::vector<std::string>(100, "x")).id();
  api.now += seconds(2);
  EXPECT_EQ(api.results(id).answer.cut_after_bytes, 100U);
  const auto quarter = api.results(id);
  EXPECT_EQ(quarter.answer.cut_after_bytes, quarter.body.size() / 4);
}

TEST(SimFault, TheHeadIsCut) {
  auto api = with("create", R"({"action":"cut","part":"head","bytes":17})");
  const auto seen = api.create({"one"});
  EXPECT_TRUE(seen.answer.cut_in_head);
  EXPECT_EQ(seen.answer.cut_after_bytes, 17U);
  EXPECT_EQ(api.totals().batches, 1U);
  EXPECT_FALSE(parse_faults(R"({"on":"create","do":{"action":"cut","part":"head"}})"));
}

TEST(SimFault, AGarbledAnswerComesAfterCreating) {
  Api whole;
  const auto body = whole.create({"one"}).body;
  for (std::size_t bytes = 0; bytes < body.size(); bytes += 37) {
    auto api = with("create", fmt::format(R"({{"action":"garble","bytes":{}}})", bytes));
    const auto seen = api.create({"one"});
    EXPECT_EQ(seen.status, 200);
    EXPECT_EQ(seen.body, body.substr(0, bytes));
    EXPECT_EQ(api.totals().batches, 1U);
  }
  const std::vector<std::pair<std::string, std::string>> cases{
      {"text", "upstream"}, {"html", "<html>"}, {"empty", ""}, {"no_id", "{\"di\":"}, {"wrong_type", "[17]"}};
  for (const auto& [as, start] : cases) {
    auto api = with("create", fmt::format(R"({{"action":"garble","as":"{}"}})", as));
    const auto seen = api.create({"one"});
    EXPECT_TRUE(seen.body.starts_with(start)) << seen.body;
    EXPECT_EQ(api.totals().batches, 1U);
  }
}

TEST(SimFault, TheEndOfResultsIsToldOtherwise) {
  Api api(R"({"faults":[{"on":"results","nth":1,"do":{"action":"frame","as":"close"}},
                        {"on":"results","nth":2,"do":{"action":"frame","as":"length"}}]})");
  const auto id = api.create({"one"}).id();
  api.now += seconds(2);
  EXPECT_EQ(api.results(id).answer.framing, Framing::until_close);
  const auto sized = api.results(id);
  EXPECT_EQ(sized.answer.framing, Framing::length);
  EXPECT_EQ(sized.answer.stream_bytes, sized.body.size());
}

TEST(SimFault, ANewBatchIsHiddenForAWhile) {
  auto api = with("create", R"({"action":"lag","for":"30s"})");
  const auto id = api.create({"one"}).id();
  EXPECT_TRUE(ids_in(api.list().body).empty());
  EXPECT_EQ(api.retrieve(id).status, 404);
  api.now += seconds(30);
  EXPECT_EQ(ids_in(api.list().body), std::vector<std::string>{id});
  EXPECT_EQ(api.retrieve(id).status, 200);
  auto listed = with("create", R"({"action":"lag","for":"30s","retrieve":false})");
  EXPECT_EQ(listed.retrieve(listed.create({"one"}).id()).status, 200);
  EXPECT_TRUE(ids_in(listed.list().body).empty());
  Api always(R"({"list_lag":"5s"})");
  always.create({"one"});
  EXPECT_TRUE(ids_in(always.list().body).empty());
}

TEST(SimFault, ABatchIsMadeLate) {
  Api api(
      R"({"faults":[{"on":"create","nth":1,"do":{"action":"late","for":"30s"}},{"on":"create","nth":1,"do":"lose_answer"}]})");
  EXPECT_EQ(api.create({"one"}).answer.delivery, Delivery::close);
  api.now += seconds(10);
  const auto second = api.create({"two"}).id();
  EXPECT_EQ(ids_in(api.list().body), std::vector<std::string>{second});
  api.now += seconds(20);
  const auto ids = ids_in(api.list().body);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[1], second) << "the late one is the newest";
  EXPECT_NE(api.retrieve(ids[0]).member({"created_at"}).find("00:05:53"), std::string::npos);
}

TEST(SimFault, ABatchNeverEndsUnlessItIsCanceled) {
  auto api = with("create", "\"never_end\"");
  const auto id = api.create({"one"}).id();
  api.now += std::chrono::hours(100);
  EXPECT_EQ(api.retrieve(id).member({"processing_status"}), "\"in_progress\"");
  api.cancel(id);
  api.now += seconds(1);
  EXPECT_EQ(api.retrieve(id).member({"request_counts", "canceled"}), "1");
  EXPECT_EQ(api.totals().requests_billed, 0U);
}

TEST(SimFault, AStaleAnswerTellsThePast) {
  Api api(R"({"faults":[{"on":"list","nth":2,"do":{"action":"stale","by":"5s"}},
                        {"on":"retrieve","nth":2,"do":{"action":"stale","by":"5s"}}]})");
  const auto first = api.create({"one"}).id();
  api.now += seconds(6);
  const auto second = api.create({"two"}).id();
  EXPECT_EQ(ids_in(api.list().body).size(), 2U);
  EXPECT_EQ(ids_in(api.list().body), std::vector<std::string>{first});
  EXPECT_EQ(api.retrieve(first).member({"processing_status"}), "\"ended\"");
  const auto back = api.retrieve(first);
  EXPECT_EQ(back.member({"processing_status"}), "\"in_progress\"");
  EXPECT_EQ(back.member({"request_counts", "processing"}), "1");
}

TEST(SimFault, CountsDisagree) {
  auto api = with("create", R"({"action":"counts","processing":-1,"errored":3})");
  EXPECT_EQ(api.create({"one", "two"}).member({"request_counts"}),
            R"({"processing":1,"succeeded":0,"errored":3,"canceled":0,"expired":0})");
}

TEST(SimFault, AnotherProgramsBatchAppears) {
  auto listed = with("list", R"({"action":"foreign_batch","requests":5})");
  EXPECT_EQ(ids_in(listed.list().body).size(), 1U);
  auto same = with("create", R"({"action":"foreign_batch","same_size":true})");
  const auto id = same.create({"one", "two"}).id();
  const auto ids = ids_in(same.list().body);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[1], id);
  EXPECT_EQ(same.retrieve(ids[0]).member({"request_counts", "processing"}), "2");
  EXPECT_EQ(same.totals().batches, 1U);
}

TEST(SimFault, AStrangerMayBeASecondOffpeak) {
  auto api = with("create", R"({"action":"foreign_batch","same_size":true,"maker":"offpeak"})");
  const auto id = api.create({"one", "two"}).id();
  const auto ids = ids_in(api.list().body);
  api.now += seconds(5);
  const auto results = api.results(ids[0]).body;
  const auto first = json_decode_string(*json_member(lines_of(results).front(), "custom_id"));
  const auto wire = parse_wire_id(first);
  ASSERT_TRUE(wire) << first;
  EXPECT_TRUE(wire->fingerprint);
  EXPECT_EQ(wire->nonce.size(), wire_nonce_bytes);
  EXPECT_EQ(api.totals().foreign_canceled, 0U);
}

TEST(SimFault, WhoeverCancelsAStrangersBatchIsCounted) {
  auto api = with("create", R"({"action":"foreign_batch","same_size":true})");
  const auto id = api.create({"one"}).id();
  const auto ids = ids_in(api.list().body);
  api.cancel(id);
  EXPECT_EQ(api.totals().foreign_canceled, 0U);
  api.cancel(ids[0]);
  api.cancel(ids[0]);
  EXPECT_EQ(api.totals().foreign_canceled, 1U);
}

TEST(SimFault, SomethingBetweenRepeatsThePost) {
  auto api = with("create", R"({"action":"repeat","after":"3s"})");
  const auto told = api.create({"one", "two"}).id();
  EXPECT_EQ(ids_in(api.list().body), std::vector<std::string>{told});
  api.now += seconds(4);
  const auto ids = ids_in(api.list().body);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[1], told);
  EXPECT_EQ(api.totals().contents_overlapped, 2U);
  api.now += seconds(60);
  EXPECT_EQ(api.totals().contents_billed_twice, 2U);
  EXPECT_EQ(api.totals().copies, 1U);
  EXPECT_EQ(api.results(ids[0]).body.size(), api.results(ids[1]).body.size());
}

TEST(SimFault, TheRepeatedPostsSecondBatchMayBeTheOneThatIsTold) {
  auto api = with("create", R"({"action":"repeat","answer_second":true})");
  const auto told = api.create({"one"}).id();
  const auto ids = ids_in(api.list().body);
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0], told);
}

TEST(SimFault, ABatchIsNotTalliedAtFirst) {
  auto api = with("create", R"({"action":"untallied","for":"1s"})");
  const auto id = api.create({"one", "two"}).id();
  EXPECT_EQ(api.retrieve(id).member({"request_counts", "processing"}), "0");
  api.now += seconds(1);
  EXPECT_EQ(api.retrieve(id).member({"request_counts", "processing"}), "2");
}

TEST(SimFault, AListIsNotWhole) {
  const auto list = [](std::string_view members) {
    Api api(fmt::format(R"({{"faults":[{{"on":"list","do":{{"action":"short_list",{}}}}}]}})", members));
    for (const auto* text : {"one", "two", "three"}) api.create({text});
    return api.list("?limit=2").body;
  };
  EXPECT_EQ(list(R"("as":"empty")"), R"({"data":[],"has_more":true,"first_id":null,"last_id":null})");
  EXPECT_EQ(ids_in(list(R"("as":"no_cursor")")).size(), 2U);
  EXPECT_TRUE(list(R"("as":"no_cursor")").ends_with(R"("has_more":true,"first_id":null,"last_id":null})"));
  EXPECT_EQ(ids_in(list(R"("as":"ends","entries":1)")).size(), 1U);
  EXPECT_NE(list(R"("as":"ends","entries":1)").find(R"("has_more":false)"), std::string::npos);
}

TEST(SimFault, AnEntryOfTheListIsOdd) {
  const auto list = [](std::string_view as) {
    Api api(fmt::format(R"({{"faults":[{{"on":"list","do":{{"action":"odd_entry","index":5,"as":"{}"}}}}]}})", as));
    api.create({"one", "two"});
    api.create({"three", "four"});
    return api.list().body;
  };
  const auto odd = [&](std::string_view as, std::string_view text) {
    const auto body = list(as);
    EXPECT_FALSE(JsonChecker().check(body)) << body;
    const auto at = body.find(text);
    // The second of the two.
    return at != std::string::npos && at > body.find("\"id\"", 12) && body.find(text, at + 1) == std::string::npos;
  };
  EXPECT_TRUE(odd("status", R"("processing_status":"finalizing")"));
  EXPECT_TRUE(odd("null_counts", R"("request_counts":null)"));
  EXPECT_TRUE(odd("zero_counts", R"("processing":0)"));
  EXPECT_TRUE(odd("one_short", R"("processing":1)"));
  EXPECT_EQ(list("no_created_at").find("created_at", list("no_created_at").find("created_at") + 1), std::string::npos);
}

TEST(SimList, APageMayBeShorterThanWasAskedFor) {
  Api api(R"({"page_limit":2})");
  for (const auto* text : {"one", "two", "three"}) api.create({text});
  const auto first = api.list("?limit=100").body;
  EXPECT_EQ(ids_in(first).size(), 2U);
  EXPECT_NE(first.find(R"("has_more":true)"), std::string::npos);
  EXPECT_EQ(ids_in(api.list("?limit=100&after_id=" + ids_in(first)[1]).body).size(), 1U);
}

TEST(SimFault, ARowIsErrored) {
  auto api = with("create", R"({"action":"row_error","index":1,"type":"billing_error","message":"pay"})");
  const auto id = api.create({"one", "two"}).id();
  api.now += seconds(2);
  const auto results = api.results(id).body;
  EXPECT_EQ(Api::result_type(results, "r0"), "succeeded");
  EXPECT_NE(Api::line(results, "r1").find(R"("error":{"details":null,"type":"billing_error","message":"pay"})"),
            std::string::npos);
  EXPECT_EQ(api.totals().requests_billed, 1U);
}

TEST(SimFault, LinesAreWrong) {
  const auto lines = [](std::string_view members) {
    Api api(fmt::format(R"({{"faults":[{{"on":"results","do":{{"action":"lines",{}}}}}]}})", members));
    const auto id = api.create(std::vector<std::string>(10, "x")).id();
    api.now += seconds(2);
    return api.results(id).body;
  };
  const auto twice = lines_of(lines(R"("duplicate":2)"));
  ASSERT_EQ(twice.size(), 12U);
  EXPECT_EQ(twice[0], twice[1]);
  EXPECT_EQ(twice[2], twice[3]);
  const auto conflicting = lines_of(lines(R"("conflicting":1)"));
  ASSERT_EQ(conflicting.size(), 11U);
  EXPECT_NE(conflicting[1].find("\"errored\""), std::string::npos);
  EXPECT_EQ(*json_member(conflicting[0], "custom_id"), *json_member(conflicting[1], "custom_id"));
  EXPECT_EQ(lines_of(lines(R"("missing":3)")).size(), 7U);
  EXPECT_EQ(lines(R"("none":true)"), "");
  EXPECT_NE(lines(R"("foreign":1)").find("not-in-this-batch-0"), std::string::npos);
  EXPECT_EQ(lines_of(lines(R"("blank":2)")).size(), 12U);
  EXPECT_TRUE(lines(R"("bom":true)").starts_with("\xEF\xBB\xBF{"));
  EXPECT_TRUE(lines(R"("crlf":true)").ends_with("}\r\n"));
  EXPECT_TRUE(lines(R"("no_last_newline":true)").ends_with("}"));
  EXPECT_NE(lines(R"("nul":1)").find('\0'), std::string::npos);
  JsonChecker checker;
  for (const auto* member : {"\"garbage\":1", "\"invalid_utf8\":1", "\"nul\":1", "\"deep\":1000"}) {
    int bad = 0;
    for (const auto& line : lines_of(lines(member))) bad += checker.check(line) ? 1 : 0;
    EXPECT_EQ(bad, 1) << member;
  }
  EXPECT_GT(lines(R"("long_bytes":"1MB")").size(), 1'000'000U);
}

}  // namespace
}  // namespace offpeak::sim
