// The pure parts of the status socket: targets, routes, paging, upload options, problems, shapes.
#include "control/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/json.hpp"
#include "control/paging.hpp"
#include "control/problem.hpp"
#include "control/shapes.hpp"
#include "control/target.hpp"
#include "control/upload_wish.hpp"

namespace offpeak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string allow_of(std::string_view method, const std::vector<std::string>& segments) {
  const auto found = find_route(method, segments);
  const auto* none = std::get_if<NoRoute>(&found);
  return none == nullptr ? "routed" : none->allow;
}

TEST(Target, TakesPathAndQueryApart) {
  const auto target = parse_target("/v1/jobs/7?state=a%20b&after=&x=1+2");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "jobs", "7"));
  EXPECT_EQ(query_member(target->query, "state"), "a b");
  EXPECT_EQ(query_member(target->query, "after"), "");
  EXPECT_EQ(query_member(target->query, "x"), "1 2");
  EXPECT_FALSE(query_member(target->query, "y"));
}

TEST(Target, TakesTheAbsoluteFormOfAnyHost) {
  const auto target = parse_target("http://anything:80/v1/status");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("v1", "status"));
}

TEST(Target, RefusesWhatIsNone) {
  for (const auto* text : {"", "*", "v1/jobs", "/%zz", "/a%0", "/%00", "/x?a=1&a=2", "http://host"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(Target, ASlashAtTheEndIsAPathOfItsOwn) {
  EXPECT_EQ(allow_of("GET", parse_target("/v1/jobs/")->segments), "");
  EXPECT_EQ(allow_of("GET", parse_target("/v1//jobs")->segments), "");
  EXPECT_EQ(allow_of("GET", parse_target("/")->segments), "");
}

TEST(Routes, FindsByMethodAndPath) {
  const auto found = find_route("POST", {"v1", "jobs", "12", "cancel"});
  const auto* routed = std::get_if<Routed>(&found);
  ASSERT_NE(routed, nullptr);
  EXPECT_EQ(routed->route->id, RouteId::cancel_job);
  EXPECT_THAT(routed->parameters, ElementsAre("12"));
}

TEST(Routes, HeadGoesWhereGetGoes) { EXPECT_EQ(allow_of("HEAD", {"v1", "status"}), "routed"); }

TEST(Routes, SayWhichMethodsAPathHas) {
  EXPECT_EQ(allow_of("DELETE", {"v1", "jobs"}), "GET, HEAD, POST");
  EXPECT_EQ(allow_of("GET", {"v1", "jobs", "1", "hold"}), "POST");
  EXPECT_EQ(allow_of("GET", {"v1", "nothing"}), "");
}

struct NumberedRow {
  JobId id;
};

std::string show_row(const NumberedRow& row) { return std::to_string(row.id.value); }

TEST(Paging, GivesACursorWhereThereIsMore) {
  const std::vector<NumberedRow> rows{{JobId{3}}, {JobId{5}}, {JobId{8}}};
  EXPECT_EQ(list_document(rows, 2, show_row), R"({"data":[3,5],"next":"5"})");
  EXPECT_EQ(list_document(rows, 3, show_row), R"({"data":[3,5,8],"next":null})");
  EXPECT_EQ(list_document(std::vector<NumberedRow>(), 3, show_row), R"({"data":[],"next":null})");
}

TEST(Paging, ReadsItsOptions) {
  static constexpr std::array<std::string_view, 2> states{"queued", "done"};
  const auto options = parse_list_options({{"state", "done"}, {"limit", "1000"}, {"after", "41"}}, states);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->state, "done");
  EXPECT_EQ(options->limit, 1000U);
  EXPECT_EQ(options->after, 41);
  const std::vector<QueryMembers> bad{{{"limit", "0"}},  {{"limit", "1001"}}, {{"limit", "x"}},   {{"limit", ""}},
                                      {{"after", "-1"}}, {{"after", "7x"}},   {{"state", "odd"}}, {{"state", ""}}};
  for (const auto& query : bad) EXPECT_FALSE(parse_list_options(query, states)) << query[0].first << query[0].second;
}

TEST(UploadWish, NamesTheIntakeByFormatAndCompression) {
  const auto wish = parse_upload_wish({{"name", "a/b"}}, "");
  ASSERT_TRUE(wish);
  EXPECT_EQ(intake_name(*wish, BodyCompression::gzip), "a_b.jsonl.gz");
  EXPECT_EQ(intake_name(*parse_upload_wish({{"file", "dir/all.json.zst"}}, ""), BodyCompression::zstd), "all.json.zst");
  EXPECT_EQ(intake_name(*parse_upload_wish({{"file", "r.ndjson"}}, ""), BodyCompression::none), "r.jsonl");
  EXPECT_EQ(intake_name(*parse_upload_wish({}, ""), BodyCompression::none), "job.jsonl");
  EXPECT_EQ(intake_name(*parse_upload_wish({{"file", ".jsonl"}, {"format", "json"}}, ""), BodyCompression::none),
            "job.json");
}

TEST(UploadWish, LeavesTheFilesOwnNameAlone) {
  EXPECT_FALSE(parse_upload_wish({{"file", "r.jsonl"}}, "")->overrides.name);
  EXPECT_EQ(parse_upload_wish({{"file", "r.jsonl"}, {"name", "mine"}}, "")->overrides.name, "mine");
}

TEST(UploadWish, ReadsTheOverrides) {
  const auto wish = parse_upload_wish({{"priority", "-5"}, {"hold", "true"}, {"again", "1"}}, "GZIP");
  ASSERT_TRUE(wish);
  EXPECT_EQ(wish->overrides.priority, -5);
  EXPECT_EQ(wish->overrides.hold, true);
  EXPECT_TRUE(wish->overrides.again);
  EXPECT_EQ(wish->encoding, BodyCompression::gzip);
  EXPECT_FALSE(parse_upload_wish({}, "")->overrides.hold);
}

TEST(UploadWish, RefusesWhatItCannotMean) {
  const std::vector<QueryMembers> bad{
      {{"priority", "high"}}, {{"priority", "9999999999"}},     {{"hold", "yes"}}, {{"format", "csv"}}, {{"name", ""}},
      {{"name", "\xff"}},     {{"name", std::string(201, 'x')}}};
  for (const auto& query : bad) {
    const auto wish = parse_upload_wish(query, "");
    ASSERT_FALSE(wish) << query[0].first;
    EXPECT_EQ(wish.error().kind, ErrorKind::invalid);
    EXPECT_FALSE(wish.error().hint.empty());
  }
  EXPECT_EQ(parse_upload_wish({}, "br").error().kind, ErrorKind::refused);
}

TEST(UploadWish, TellsCompressionByItsMagic) {
  EXPECT_EQ(sniff_compression("\x1f\x8b\x08"), BodyCompression::gzip);
  EXPECT_EQ(sniff_compression("\x28\xb5\x2f\xfd"), BodyCompression::zstd);
  EXPECT_EQ(sniff_compression("\x5a\x2a\x4d\x18"), BodyCompression::zstd);
  EXPECT_EQ(sniff_compression("{\"cu"), BodyCompression::none);
  EXPECT_EQ(sniff_compression(""), BodyCompression::none);
}

TEST(Problem, IsJsonWhateverItSays) {
  const auto reply = to_reply(bad_request("a \"quoted\"\n\x1b thing \xff", "do \\ that"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.content_type, "application/problem+json");
  EXPECT_FALSE(JsonChecker().check(reply.body));
}

struct StatusWorld : testing::Test {
  Status status;
  StageFacts stages;
  Config config;
  Instant now{Duration(1'790'000'000'000)};
  Look look() const { return {status, stages, config, now}; }
  std::string json() const {
    auto text = status_json(look());
    EXPECT_FALSE(JsonChecker().check(text)) << text;
    return text;
  }
};

TEST_F(StatusWorld, NamesWhatNeedsAHumanWithItsCommand) {
  status.account.paused = true;
  status.account.reason = "credit balance is too low";
  UnexplainedBatch open;
  open.provider_id = "msgbatch_x";
  open.state = "open";
  UnexplainedBatch claiming;
  claiming.provider_id = "msgbatch_y";
  claiming.state = "claiming";
  status.unexplained = {open, claiming};
  Job held;
  held.id = JobId{7};
  held.name = "rev\x1biews";
  held.reason = "too many errors";
  status.held = {held};
  EXPECT_THAT(json(), HasSubstr(R"("health":"needs_human")"));
  EXPECT_THAT(json(), HasSubstr(R"("command":"offpeak resume")"));
  EXPECT_THAT(json(), HasSubstr(R"("command":"offpeak reconcile msgbatch_x claim")"));
  EXPECT_THAT(json(), testing::Not(HasSubstr("offpeak reconcile msgbatch_y")));
  EXPECT_THAT(json(), HasSubstr(R"("unexplained_batches":["msgbatch_x","msgbatch_y"])"));
  EXPECT_THAT(json(), HasSubstr(R"("command":"offpeak release 7")"));
  EXPECT_THAT(json(), HasSubstr(R"("trouble":"the account does not take batches)"));
  EXPECT_THAT(json(), testing::Not(HasSubstr("\x1b")));
}

TEST_F(StatusWorld, UnknownIntentsNeedNoHuman) {
  status.unknown_intents = 1;
  status.unsettled = {{IntentId{3}, IntentState::unknown, now, now, "cut \"off\"", now, 5}};
  EXPECT_THAT(json(), HasSubstr(R"("health":"degraded")"));
  EXPECT_THAT(json(), HasSubstr(R"("needs_human":[])"));
  EXPECT_THAT(json(), HasSubstr(R"("kind":"unknown_create")"));
  EXPECT_THAT(json(), HasSubstr(R"("next_poll_at":null)"));
}

TEST_F(StatusWorld, AFullDiskIsDegraded) {
  stages.disk_full["pack"] = now;
  EXPECT_THAT(json(), HasSubstr(R"("health":"degraded")"));
  EXPECT_THAT(json(), HasSubstr(R"("trouble":"the disk is full)"));
}

TEST_F(StatusWorld, SaysHowTheProviderAnswered) {
  EXPECT_THAT(json(),
              HasSubstr(R"("provider":{"last_ok_at":null,"failing_since":null,"failures":0,"last_error":null)"));
  CallFailure failure;
  failure.kind = CallFailureKind::account;
  failure.http_status = 401;
  failure.message = "list: HTTP 401";
  stages.contact.note_failure(failure, now);
  stages.next_poll_at = now + std::chrono::seconds(9);
  EXPECT_THAT(json(), HasSubstr(R"("failures":1,"last_error":"list: HTTP 401","last_error_kind":"account")"));
  EXPECT_THAT(json(), HasSubstr(R"("last_http_status":401)"));
  EXPECT_THAT(json(), HasSubstr(R"("account":{"state":"paused","reason":"list: HTTP 401")"));
}

TEST_F(StatusWorld, ShowsMoneyAndFacts) {
  status.spent_today = 2'500'000'000;
  status.unpriced_today = 5;
  status.duplicate_batches = 1;
  EXPECT_THAT(json(), HasSubstr(R"("money":{"today_usd":2.5,"cap_usd":null,"unpriced_requests":5})"));
  EXPECT_THAT(json(), HasSubstr(R"("facts":["1 batch ran requests that another one ran too)"));
  config.money.daily_cap_usd = 5;
  EXPECT_THAT(json(), HasSubstr(R"("cap_usd":5,)"));
}

TEST_F(StatusWorld, AnOpenJobHasAReasonAndOneThatIsOverHasNone) {
  Job job;
  job.id = JobId{7};
  job.requests = 3;
  job.counts[RequestState::pending] = 3;
  auto text = job_json(job, JobWaits{.ready = 3}, look());
  EXPECT_FALSE(JsonChecker().check(text)) << text;
  EXPECT_THAT(text, HasSubstr(R"("reason":"3 requests to be sent: the next batch takes them")"));
  EXPECT_THAT(text, HasSubstr(R"("wait":{"kind":"turn")"));
  job.state = JobState::done;
  text = job_json(job, JobWaits(), look());
  EXPECT_FALSE(JsonChecker().check(text)) << text;
  EXPECT_THAT(text, HasSubstr(R"("reason":null)"));
  EXPECT_EQ(text, to_json(job)) << "as in summary.json";
}

}  // namespace
}  // namespace offpeak
