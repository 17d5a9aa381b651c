// The status socket over a real Unix socket and a real queue.
#include "control/server.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "control/listener.hpp"
#include "support/strange_batch.hpp"
#include "unit/control/openapi.hpp"
#include "unit/control/running_control.hpp"

namespace offpeak {
namespace {

using testing::call;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RunningControl;
using testing::send_and_read;
using testing::Sending;
using ::testing::StartsWith;

const std::string three_lines = R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]}})"
                                "\n"
                                R"({"custom_id":"b\u00e9","params":{"model":"m","max_tokens":1,"messages":[2]}})"
                                "\n"
                                R"({"custom_id":"c","params":{"model":"m","max_tokens":1,"messages":[3]}})"
                                "\n";

class Described : public ::testing::Test {
 protected:
  // Calls, and compares the reply with the description.
  testing::Response get(const std::string& path, const std::string& target) { return checked("GET", path, target, ""); }
  testing::Response post(const std::string& path, const std::string& target, const std::string& body = "") {
    return checked("POST", path, target, body);
  }

  RunningControl server_;

 private:
  testing::Response checked(const std::string& method, const std::string& path, const std::string& target,
                            const std::string& body) {
    auto response = call(server_.socket(), method, target, body);
    EXPECT_EQ(description_.check(method, path, response.status, response.body), "") << target << "\n" << response.body;
    return response;
  }
  testing::OpenApi description_;
};

TEST_F(Described, StatusAndHealth) {
  EXPECT_EQ(get("/healthz", "/healthz").status, 200);
  const auto status = get("/v1/status", "/v1/status");
  EXPECT_EQ(status.status, 200);
  EXPECT_THAT(status.head, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(status.body, HasSubstr(R"("health":"ok")"));
}

TEST_F(Described, RejectedFilesPageByPage) {
  server_.with_queue([](Queue& queue) {
    for (const auto* name : {"a.jsonl", "b\xff\n.jsonl", "c.jsonl"}) {
      RejectedFile record;
      record.file = name;
      record.stored = name;
      record.errors = R"([{"line":3,"column":14,"offset":210,"message":"bad","hint":""}])";
      record.error_count = 1;
      const auto id = queue.announce_intake(IntakeSource::folder, name, {}, record.at);
      queue.reject_file(id, record);
    }
  });
  const auto first = get("/v1/rejected", "/v1/rejected?limit=2");
  EXPECT_LT(first.body.find(R"("id":3)"), first.body.find(R"("id":2)")) << "newest first";
  EXPECT_THAT(first.body, HasSubstr(R"("next":"2"})"));
  const auto second = get("/v1/rejected", "/v1/rejected?limit=2&after=2");
  EXPECT_THAT(second.body, HasSubstr(R"("file":"a.jsonl")"));
  EXPECT_THAT(second.body, HasSubstr(R"("next":null})"));
  EXPECT_THAT(get("/v1/rejected", "/v1/rejected?file=b%FF%0A.jsonl").body, HasSubstr(R"("id":2)"));
  EXPECT_THAT(get("/v1/rejected", "/v1/rejected?file=d").body, HasSubstr(R"("data":[])"));
  EXPECT_EQ(get("/v1/rejected", "/v1/rejected?limit=0").status, 400);
  EXPECT_EQ(get("/v1/rejected", "/v1/rejected?state=odd").status, 400);
  const auto status = get("/v1/status", "/v1/status");
  EXPECT_THAT(status.body, HasSubstr(R"("rejected":{"unseen":3})"));
  EXPECT_THAT(status.body, HasSubstr(R"("command":"offpeak rejected --seen all")"));
  const std::string path = "/v1/rejected/{id}/seen";
  EXPECT_THAT(post(path, "/v1/rejected/3/seen").body, HasSubstr(R"("seen":true)"));
  EXPECT_EQ(post(path, "/v1/rejected/9/seen").status, 404);
  EXPECT_EQ(post(path, "/v1/rejected/nine/seen").status, 404);
  EXPECT_THAT(get("/v1/status", "/v1/status").body, HasSubstr(R"("rejected":{"unseen":2})"));
}

TEST_F(Described, JobsPageByPage) {
  for (const auto* id : {"1", "2", "3"}) {
    server_.add_job(fmt::format(R"({{"custom_id":"{}","params":{{}}}})", id));
  }
  const auto first = get("/v1/jobs", "/v1/jobs?limit=2");
  EXPECT_THAT(first.body, HasSubstr(R"("next":"2"})"));
  const auto second = get("/v1/jobs", "/v1/jobs?limit=2&after=2");
  EXPECT_THAT(second.body, HasSubstr(R"("id":3)"));
  EXPECT_THAT(second.body, HasSubstr(R"("next":null})"));
  EXPECT_THAT(get("/v1/jobs", "/v1/jobs?state=held").body, HasSubstr(R"("data":[])"));
  EXPECT_EQ(get("/v1/jobs", "/v1/jobs?state=helt").status, 400);
  EXPECT_EQ(get("/v1/jobs", "/v1/jobs?limit=0").status, 400);
  EXPECT_THAT(get("/v1/jobs", "/v1/jobs?stat=held").body, HasSubstr("unknown query member stat"));
  EXPECT_EQ(get("/v1/jobs/{id}", "/v1/jobs/2").status, 200);
  EXPECT_EQ(get("/v1/jobs/{id}", "/v1/jobs/9").status, 404);
  EXPECT_EQ(get("/v1/jobs/{id}", "/v1/jobs/nine").status, 404);
}

TEST_F(Described, AnUploadBecomesAJob) {
  const auto response = post("/v1/jobs", "/v1/jobs?name=reviews&priority=3&hold=true", three_lines);
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_THAT(response.head, HasSubstr("Location: /v1/jobs/1"));
  EXPECT_THAT(response.body, HasSubstr(R"("name":"reviews")"));
  EXPECT_THAT(response.body, HasSubstr(R"("file":"reviews.jsonl")"));
  EXPECT_THAT(response.body, HasSubstr(R"("state":"held")"));
  EXPECT_THAT(response.body, HasSubstr(R"("requests":3)"));
  EXPECT_EQ(server_.folder().read("claimed/1"), three_lines);
  const auto status = get("/v1/status", "/v1/status");
  EXPECT_THAT(status.body, HasSubstr(R"("kind":"operator_hold")"));
}

TEST_F(Described, TheStatusShowsWhatWasDoneBeforeItWasAsked) {
  for (const auto* jobs : {"1", "2", "3"}) {
    server_.add_job(fmt::format(R"({{"custom_id":"{}","params":{{}}}})", jobs));
    for (int asked = 0; asked < 2; ++asked) {
      const auto status = get("/v1/status", "/v1/status");
      EXPECT_THAT(status.body, HasSubstr(fmt::format(R"("counts":{{"pending":{},)", jobs)));
    }
  }
}

TEST_F(Described, ARejectedFileIsA422WithItsErrors) {
  const auto response = post("/v1/jobs", "/v1/jobs", "REJECT");
  EXPECT_EQ(response.status, 422);
  EXPECT_THAT(response.body, HasSubstr(R"("line":3,"column":14,"offset":210)"));
  server_.with_queue([](Queue& queue) { EXPECT_FALSE(queue.intake(JobId{1})); });
}

TEST_F(Described, TheSameContentIsRefusedUnlessAgain) {
  EXPECT_EQ(post("/v1/jobs", "/v1/jobs", three_lines).status, 201);
  EXPECT_EQ(post("/v1/jobs", "/v1/jobs", three_lines).status, 422);
  EXPECT_EQ(post("/v1/jobs", "/v1/jobs?again=true", three_lines).status, 201);
}

TEST_F(Described, BadUploadOptionsAreRefusedBeforeTheBody) {
  EXPECT_EQ(post("/v1/jobs", "/v1/jobs?priority=high", three_lines).status, 400);
  const auto coded = call(server_.socket(), "POST", "/v1/jobs", three_lines, "Content-Encoding: br\r\n");
  EXPECT_EQ(coded.status, 415);
  server_.with_queue([](Queue& queue) { EXPECT_THAT(queue.intakes(), IsEmpty()); });
}

TEST_F(Described, PauseHoldsTheIntake) {
  EXPECT_THAT(post("/v1/pause", "/v1/pause?what=all").body, HasSubstr(R"("paused":{"intake":true,"submitting":true})"));
  EXPECT_EQ(post("/v1/jobs", "/v1/jobs", three_lines).status, 503);
  EXPECT_THAT(post("/v1/resume", "/v1/resume").body, HasSubstr(R"("paused":{"intake":true,"submitting":false})"));
  EXPECT_EQ(post("/v1/pause", "/v1/pause?what=everything").status, 400);
  EXPECT_EQ(post("/v1/resume", "/v1/resume?what=intake").status, 200);
  EXPECT_EQ(post("/v1/jobs", "/v1/jobs", three_lines).status, 201);
}

TEST_F(Described, HoldReleaseCancel) {
  server_.add_job(three_lines);
  EXPECT_THAT(post("/v1/jobs/{id}/hold", "/v1/jobs/1/hold").body, HasSubstr(R"("state":"held")"));
  EXPECT_EQ(post("/v1/jobs/{id}/release", "/v1/jobs/1/release").status, 200);
  EXPECT_EQ(post("/v1/jobs/{id}/release", "/v1/jobs/1/release").status, 409);
  EXPECT_EQ(post("/v1/jobs/{id}/cancel", "/v1/jobs/1/cancel").status, 200);
  EXPECT_EQ(post("/v1/jobs/{id}/cancel", "/v1/jobs/7/cancel").status, 404);
}

TEST_F(Described, ResultsInInputOrder) {
  server_.add_job(three_lines);
  const auto none = get("/v1/jobs/{id}/results", "/v1/jobs/1/results");
  EXPECT_EQ(none.status, 200);
  EXPECT_THAT(none.head, HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(none.body, "0\r\n\r\n");
  post("/v1/jobs/{id}/cancel", "/v1/jobs/1/cancel");
  const std::string lines = R"({"custom_id":"a","result":{"type":"canceled"}})"
                            "\n"
                            R"({"custom_id":"b\u00e9","result":{"type":"canceled"}})"
                            "\n"
                            R"({"custom_id":"c","result":{"type":"canceled"}})"
                            "\n";
  const auto all = get("/v1/jobs/{id}/results", "/v1/jobs/1/results");
  EXPECT_EQ(all.body, fmt::format("{:X}\r\n{}\r\n0\r\n\r\n", lines.size(), lines)) << all.body;
  EXPECT_EQ(get("/v1/jobs/{id}/results", "/v1/jobs/1/results?outcome=succeeded").body, "0\r\n\r\n");
  EXPECT_EQ(get("/v1/jobs/{id}/results", "/v1/jobs/1/results?outcome=odd").status, 400);
  EXPECT_EQ(get("/v1/jobs/{id}/results", "/v1/jobs/2/results").status, 404);
  const auto old = send_and_read(server_.socket(), "GET /v1/jobs/1/results HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old, ::testing::EndsWith("\r\n\r\n" + lines));
}

TEST_F(Described, MissingBytesCutTheStream) {
  server_.add_job(three_lines);
  post("/v1/jobs/{id}/cancel", "/v1/jobs/1/cancel");
  server_.folder().write("claimed/1", "changed");
  EXPECT_THAT(get("/v1/jobs/{id}/results", "/v1/jobs/1/results").body, Not(HasSubstr("0\r\n\r\n")));
}

TEST_F(Described, BatchesByOurIdOrTheProviders) {
  server_.add_job(three_lines);
  server_.with_queue([](Queue& queue) {
    const auto now = Instant(Duration(1'790'000'000'000));
    NewIntent plan;
    plan.nonce = "abc";
    plan.headers.version = "2023-06-01";
    NewIntent::Part part;
    part.range = RequestRange{JobId{1}, 0, 3};
    plan.parts.push_back(part);
    plan.requests = 3;
    plan.bytes = 300;
    const auto intent = queue.create_intent(plan, now);
    queue.mark_committing(intent, now);
    Batch batch;
    batch.provider_id = "msgbatch_01";
    batch.requests = 3;
    batch.bytes = 300;
    batch.created_at = batch.expires_at = now;
    queue.record_created(intent, batch, true, now);
  });
  EXPECT_THAT(get("/v1/batches", "/v1/batches?state=in_progress").body, HasSubstr(R"("provider_id":"msgbatch_01")"));
  EXPECT_THAT(get("/v1/batches", "/v1/batches?state=ended").body, HasSubstr(R"("data":[])"));
  const auto ours = get("/v1/batches/{id}", "/v1/batches/1");
  EXPECT_EQ(ours.status, 200);
  EXPECT_EQ(get("/v1/batches/{id}", "/v1/batches/msgbatch_01").body, ours.body);
  EXPECT_EQ(get("/v1/batches/{id}", "/v1/batches/msgbatch_02").status, 404);
  EXPECT_EQ(get("/v1/batches/{id}", "/v1/batches/2").status, 404);
}

TEST_F(Described, ReconcileDismissesUnexplainedBatches) {
  server_.with_queue([](Queue& queue) {
    const auto at = Instant(Duration(1'790'000'000'000));
    testing::find_strange(queue, "msgbatch_odd", 5, at, at);
  });
  EXPECT_THAT(get("/v1/reconcile", "/v1/reconcile").body, HasSubstr(R"("id":"msgbatch_odd")"));
  EXPECT_THAT(get("/v1/status", "/v1/status").body, HasSubstr("offpeak reconcile msgbatch_odd claim"));
  const std::string one = "/v1/reconcile/{id}";
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", "").status, 400);
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", "[1]").status, 400);
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", R"({"action":"eat"})").status, 400);
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", std::string(100'000, ' ')).status, 400);
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", R"({"action":"claim","batch":7})").status, 400);
  EXPECT_EQ(post(one, "/v1/reconcile/other", R"({"action":"dismiss"})").status, 404);
  EXPECT_EQ(post(one, "/v1/reconcile/intent-7", R"({"action":"dismiss"})").status, 404);
  // A claim is a wish: it may come twice, and it still holds submitting.
  EXPECT_THAT(post(one, "/v1/reconcile/msgbatch_odd", R"({"action":"claim"})").body,
              HasSubstr(R"("state":"claiming")"));
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", R"({"action":"cancel"})").status, 200);
  EXPECT_THAT(get("/v1/status", "/v1/status").body, HasSubstr(R"("unexplained_batches":["msgbatch_odd"])"));
  EXPECT_THAT(get("/v1/status", "/v1/status").body, HasSubstr(R"("needs_human":[])"));
  // Nothing waits here that it could have run: nothing is to be confirmed.
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", R"( {"action":"dismiss"})").status, 200);
  EXPECT_EQ(post(one, "/v1/reconcile/msgbatch_odd", R"({"action":"dismiss"})").status, 409);
  EXPECT_THAT(get("/v1/reconcile", "/v1/reconcile").body, HasSubstr(R"("data":[])"));
}

TEST_F(Described, DismissingWhatMayBePaidAgainNeedsTheAmountTyped) {
  server_.add_job(R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]}})"
                  "\n"
                  R"({"custom_id":"b","params":{"model":"m","max_tokens":1,"messages":[1]}})"
                  "\n");
  server_.with_queue([](Queue& queue) {
    const auto at = Instant(Duration(1'790'000'000'000));
    testing::find_strange(queue, "msgbatch_odd", 5, at, at);
  });
  const std::string one = "/v1/reconcile/{id}";
  const std::string path = "/v1/reconcile/msgbatch_odd";
  EXPECT_THAT(get("/v1/reconcile", "/v1/reconcile").body, HasSubstr(R"("confirm":"2requests")"));
  const auto refused = post(one, path, R"({"action":"dismiss"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body, HasSubstr(R"("confirm":"2requests")")) << "no more than wait here can be paid again";
  EXPECT_EQ(post(one, path, R"({"action":"dismiss","confirm":"5requests"})").status, 422);
  EXPECT_EQ(post(one, path, R"({"action":"dismiss","confirm":"2 Requests"})").status, 200);
}

TEST_F(Described, AnUnknownIntentIsSettledByHand) {
  const auto job = server_.add_job(R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]}})"
                                   "\n");
  const auto at = Instant(Duration(1'790'000'000'000));
  server_.with_queue([&](Queue& queue) {
    NewIntent intent;
    intent.nonce = "n";
    intent.headers = {"2023-06-01", {}};
    intent.parts = {{{job, 0, 1}, 0, 0, {}}};
    intent.requests = 1;
    const auto id = queue.create_intent(intent, at);
    queue.mark_committing(id, at);
    queue.mark_unknown(id, "time-out", at);
  });
  const std::string one = "/v1/reconcile/{id}";
  EXPECT_THAT(get("/v1/reconcile", "/v1/reconcile").body, HasSubstr(R"("id":"intent-1")"));
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"claim"})").status, 409) << "there is no candidate";
  server_.with_queue([&](Queue& queue) {
    queue.record_candidates(IntentId{1}, {{"msgbatch_a", at, at, false, false}, {"msgbatch_b", at, at, true, false}});
  });
  EXPECT_THAT(get("/v1/reconcile", "/v1/reconcile").body,
              HasSubstr("offpeak reconcile intent-1 claim --batch msgbatch_a"));
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"claim"})").status, 409) << "which one?";
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"claim","batch":"msgbatch_c"})").status, 404);
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"cancel","batch":"msgbatch_a"})").status, 200);
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"dismiss"})").status, 422);
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"claim","batch":"msgbatch_b"})").status, 200);
  EXPECT_EQ(post(one, "/v1/reconcile/intent-1", R"({"action":"dismiss","confirm":"1requests"})").status, 409);
  EXPECT_THAT(get("/v1/batches", "/v1/batches").body, HasSubstr("msgbatch_b"));
}

TEST(Server, AnswersHeadWithoutABody) {
  const RunningControl server;
  const auto text = send_and_read(server.socket(), "HEAD /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(text, ::testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("Content-Length: 0")));
}

TEST(Server, SaysWhichMethodsItTakes) {
  const RunningControl server;
  const auto response = call(server.socket(), "DELETE", "/v1/jobs");
  EXPECT_EQ(response.status, 405);
  EXPECT_THAT(response.head, HasSubstr("Allow: GET, HEAD, POST"));
  EXPECT_EQ(call(server.socket(), "GET", "/v2").status, 404);
}

TEST(Server, KeepsConnectionsAliveAndTakesPipelinedCalls) {
  const RunningControl server;
  const auto text = send_and_read(server.socket(),
                                  "GET /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
                                  "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
  std::size_t count = 0;
  for (auto at = text.find("200 OK"); at != std::string::npos; at = text.find("200 OK", at + 1)) ++count;
  EXPECT_EQ(count, 3U);
}

TEST(Server, RefusesWhatIsNoHttp) {
  const RunningControl server;
  for (const auto* bytes : {"\x16\x03\x01\x02\x01 hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
                            "GET /\x01 HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n"}) {
    const auto text = send_and_read(server.socket(), bytes, Sending::ends);
    EXPECT_THAT(text, ::testing::AnyOf(HasSubstr(" 400 "), HasSubstr(" 505 "))) << bytes;
  }
  EXPECT_EQ(call(server.socket(), "GET", "/healthz").status, 200);
}

TEST(Server, RefusesALongHeader) {
  const RunningControl server;
  const auto text = send_and_read(server.socket(), "GET / HTTP/1.1\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 431 "));
}

TEST(Server, RefusesASmugglersHeaders) {
  const RunningControl server;
  const std::string start = "POST /v1/pause HTTP/1.1\r\n";
  for (const auto* headers :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "Transfer-Encoding: identity\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Content-Length: +1\r\n\r\na",
        "Content-Length: 1 \t2\r\n\r\na", "Content-Length: -1\r\n\r\n",
        "Content-Length: 99999999999999999999999\r\n\r\n"}) {
    const auto text = send_and_read(server.socket(), start + headers + "GET /healthz HTTP/1.1\r\n\r\n", Sending::ends);
    EXPECT_THAT(text, StartsWith("HTTP/1.1 400 ")) << headers;
    EXPECT_THAT(text, Not(HasSubstr(R"({"ok":true})"))) << headers;
  }
}

TEST(Server, ABodyThatNobodyReadEndsTheConnection) {
  const RunningControl server;
  const auto text = send_and_read(server.socket(),
                                  "GET /healthz HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET /v1/status HTTP/1.1\r\n\r\n",
                                  Sending::ends);
  EXPECT_THAT(text, HasSubstr(R"({"ok":true})"));
  EXPECT_THAT(text, Not(HasSubstr("health\":")));
}

TEST(Server, RefusesABodyThatIsTooLong) {
  SessionLimits limits;
  limits.body_bytes = 1000;
  RunningControl server(limits);
  EXPECT_EQ(call(server.socket(), "POST", "/v1/jobs", std::string(1001, 'x')).status, 413);
  std::string chunked = "POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 11; ++i) chunked += "64\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_THAT(send_and_read(server.socket(), chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  server.with_queue([](Queue& queue) { EXPECT_THAT(queue.intakes(), IsEmpty()); });
  EXPECT_TRUE(std::filesystem::is_empty(server.claimed()));
}

TEST(Server, AnUploadThatIsCutLeavesNothing) {
  RunningControl server;
  const auto text = send_and_read(
      server.socket(), "POST /v1/jobs HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + three_lines, Sending::ends);
  EXPECT_THAT(text, Not(HasSubstr(" 201 ")));
  server.with_queue([](Queue& queue) { EXPECT_THAT(queue.intakes(), IsEmpty()); });
  EXPECT_TRUE(std::filesystem::is_empty(server.claimed()));
}

TEST(Server, BadChunksLeaveNothing) {
  RunningControl server;
  const auto text =
      send_and_read(server.socket(), "POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
                    Sending::ends);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 400 "));
  server.with_queue([](Queue& queue) { EXPECT_THAT(queue.intakes(), IsEmpty()); });
  EXPECT_TRUE(std::filesystem::is_empty(server.claimed()));
}

// The end of a chunked body, cut anywhere: with less than five bytes of it Beast 1.81 stops the whole program.
TEST(Server, AnEmptyChunkedBodyInTwoPiecesIsAnswered) {
  const RunningControl server;
  const std::string head = "POST /v1/pause HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "0\r\n\r\n";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    const int fd = testing::connect_to(server.socket());
    ASSERT_GE(fd, 0);
    const auto first = head + body.substr(0, cut);
    ASSERT_EQ(::send(fd, first.data(), first.size(), MSG_NOSIGNAL), static_cast<ssize_t>(first.size()));
    // Whatever else the server does first, it has seen the first piece alone by now.
    EXPECT_THAT(testing::call(server.socket(), "GET", "/healthz").status, 200);
    const auto rest = body.substr(cut);
    static_cast<void>(::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL));
    char answer[64] = {};
    EXPECT_GT(::recv(fd, answer, sizeof answer - 1, 0), 12) << cut;
    EXPECT_THAT(std::string(answer), StartsWith("HTTP/1.1 200 ")) << cut;
    ::close(fd);
  }
}

TEST(Server, StreamsALongUploadToItsFile) {
  RunningControl server;
  std::string lines;
  for (int i = 0; i < 900; ++i) {
    lines += fmt::format(R"({{"custom_id":"{}","params":{{"x":"{}"}}}})", i, std::string(5000, 'y')) + "\n";
  }
  std::string chunked = "POST /v1/jobs HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < lines.size(); at += 70'001) {
    const auto piece = lines.substr(at, 70'001);
    chunked += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  EXPECT_THAT(send_and_read(server.socket(), chunked + "0\r\n\r\n"), StartsWith("HTTP/1.1 201 "));
  EXPECT_EQ(server.folder().read("claimed/1"), lines);
}

TEST(Server, AsksForABodyThatWaitsForConsent) {
  const RunningControl server;
  const int fd = testing::connect_to(server.socket());
  const std::string head =
      "POST /v1/jobs HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 6\r\n\r\n";
  ASSERT_EQ(::send(fd, head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  char block[1024];
  const auto first = ::recv(fd, block, sizeof(block), 0);
  EXPECT_EQ(std::string(block, static_cast<std::size_t>(std::max<ssize_t>(first, 0))), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_EQ(::send(fd, "REJECT", 6, 0), 6);
  const auto second = ::recv(fd, block, sizeof(block), 0);
  ASSERT_GT(second, 0);
  EXPECT_THAT(std::string(block, static_cast<std::size_t>(second)), StartsWith("HTTP/1.1 422 "));
  ::close(fd);
}

TEST(Server, CutsAClientThatDoesNotGoOn) {
  SessionLimits limits;
  limits.idle_timeout = limits.body_timeout = Duration(50);
  RunningControl server(limits);
  EXPECT_EQ(send_and_read(server.socket(), "GET /healthz HT"), "");
  const auto text =
      send_and_read(server.socket(), "POST /v1/jobs HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + three_lines);
  EXPECT_THAT(text, Not(HasSubstr(" 201 ")));
  server.with_queue([](Queue& queue) { EXPECT_THAT(queue.intakes(), IsEmpty()); });
  EXPECT_TRUE(std::filesystem::is_empty(server.claimed()));
}

TEST(Server, TurnsAwayTheOneTooMany) {
  const RunningControl server({}, 1);
  const int first = testing::connect_to(server.socket());
  const std::string head = "GET /healthz HTTP/1.1\r\n\r\n";
  ASSERT_EQ(::send(first, head.data(), head.size(), 0), static_cast<ssize_t>(head.size()));
  char block[1024];
  ASSERT_GT(::recv(first, block, sizeof(block), 0), 0);
  EXPECT_THAT(send_and_read(server.socket(), ""), StartsWith("HTTP/1.1 503 "));
  ::close(first);
}

TEST(Server, StopsWithIdleAndWaitingClients) {
  RunningControl server({}, 256, testing::Intake::wait);
  const int idle = testing::connect_to(server.socket());
  const int waiting = testing::connect_to(server.socket());
  const int uploading = testing::connect_to(server.socket());
  const std::string whole = "POST /v1/jobs HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd";
  const std::string part = "POST /v1/jobs HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(600'000, 'x');
  ASSERT_EQ(::send(waiting, whole.data(), whole.size(), 0), static_cast<ssize_t>(whole.size()));
  ASSERT_EQ(::send(uploading, part.data(), part.size(), 0), static_cast<ssize_t>(part.size()));
  // Until both uploads are with the server.
  for (std::size_t seen = 0; seen < 2;) {
    server.with_queue([&seen](Queue& queue) { seen = queue.intakes().size(); });
  }
  server.stop();
  char byte = 0;
  EXPECT_EQ(::recv(idle, &byte, 1, 0), 0);
  EXPECT_LE(::recv(waiting, &byte, 1, 0), 0);
  EXPECT_LE(::recv(uploading, &byte, 1, 0), 0);
  for (const int fd : {idle, waiting, uploading}) ::close(fd);
  EXPECT_FALSE(std::filesystem::exists(server.socket()));
  // What was whole stays for ingest; what was cut is gone.
  EXPECT_EQ(server.folder().read("claimed/1"), "abcd");
  EXPECT_FALSE(std::filesystem::exists(server.claimed() + "/2"));
}

TEST(Listener, GivesTheSocketItsMode) {
  const RunningControl server;
  struct stat status{};
  ASSERT_EQ(::stat(server.socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0660U);
}

TEST(Listener, LeavesALivingSocketAlone) {
  const RunningControl server;
  boost::asio::io_context context;
  const auto second = listen_at(context.get_executor(), SocketPlace{server.socket()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::refused);
  EXPECT_EQ(call(server.socket(), "GET", "/healthz").status, 200);
}

TEST(Listener, ReplacesAStaleSocket) {
  const TemporaryFolder folder;
  boost::asio::io_context context;
  {
    const auto first = listen_at(context.get_executor(), SocketPlace{folder / "s"});
    ASSERT_TRUE(first);
  }
  ASSERT_TRUE(std::filesystem::exists(folder / "s"));
  EXPECT_TRUE(listen_at(context.get_executor(), SocketPlace{folder / "s"}));
}

TEST(Listener, NeverRemovesWhatIsNoSocket) {
  const TemporaryFolder folder;
  folder.write("s", "precious");
  boost::asio::io_context context;
  EXPECT_EQ(listen_at(context.get_executor(), SocketPlace{folder / "s"}).error().kind, ErrorKind::refused);
  EXPECT_EQ(folder.read("s"), "precious");
}

TEST(Listener, SaysThatAPathIsTooLong) {
  boost::asio::io_context context;
  const auto failed = listen_at(context.get_executor(), SocketPlace{"/tmp/" + std::string(120, 'x')});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("125 bytes long; the system takes 1 to 107"));
}

}  // namespace
}  // namespace offpeak
